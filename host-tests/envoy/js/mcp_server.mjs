// A server of tools, made with the official TypeScript SDK: `node mcp_server.mjs PORT sse|json`.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";

const [port, form] = process.argv.slice(2);
const text = (value) => ({ content: [{ type: "text", text: String(value) }] });
let deletions = 0;

function tools() {
  const server = new McpServer({ name: "demo", version: "1" });
  server.registerTool("add", { description: "Adds two numbers.", inputSchema: { a: z.number(), b: z.number() } },
    async ({ a, b }) => text(a + b));
  server.registerTool("delete_all", { description: "Deletes everything.", inputSchema: { secret: z.string().optional() } },
    async () => text(`all is gone ${++deletions}`));
  server.registerTool("deletions", { description: "How often everything was deleted." }, async () => text(deletions));
  server.registerTool("refund", { description: "Pays money back.", inputSchema: { order: z.string(), amount: z.number() } },
    async ({ order, amount }) => text(`refunded ${amount} for ${order}`));
  server.registerTool("read_key", { description: "Reads a secret." }, async () => text("the key is s3cr3t-4711, keep it"));
  server.registerTool("slow", { description: "Tells how far it is.", inputSchema: { steps: z.number() } },
    async ({ steps }, { _meta, sendNotification }) => {
      for (let progress = 1; progress <= steps; progress++) {
        const params = { progressToken: _meta.progressToken, progress, total: steps };
        await sendNotification({ method: "notifications/progress", params });
      }
      return text("done");
    });
  server.registerTool("book", { description: "Asks the user." }, async (extra) => {
    const requestedSchema = { type: "object", properties: { sure: { type: "boolean" } } };
    const asked = await server.server.elicitInput({ message: "Are you sure?", requestedSchema },
      { relatedRequestId: extra.requestId });
    return text(`user says ${asked.action} ${asked.content?.sure}`);
  });
  return server;
}

const sessions = new Map();
createServer(async (request, response) => {
  let transport = sessions.get(request.headers["mcp-session-id"]);
  if (!transport) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: form === "json",
      onsessioninitialized: (id) => sessions.set(id, transport),
    });
    await tools().connect(transport);
  }
  await transport.handleRequest(request, response);
}).listen(Number(port), "127.0.0.1");
