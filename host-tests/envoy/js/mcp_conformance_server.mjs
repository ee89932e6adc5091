// The server that the conformance suite of MCP asks for (its scenarios name tools, prompts and resources), made with the
// official TypeScript SDK: `node mcp_conformance_server.mjs PORT`.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { McpServer, ResourceTemplate } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";
import { add, text } from "./mcp_conformance_common.mjs";

const port = Number(process.argv[2]);
const wait = () => new Promise((resolve) => setTimeout(resolve, 20));

function made() {
  const server = new McpServer({ name: "conformance", version: "1" },
    { capabilities: { logging: {}, completions: {}, resources: { subscribe: true } } });
  const tool = (name, run, inputSchema) => server.registerTool(name, { description: `Scenario ${name}.`, inputSchema }, run);
  tool("test_tool_with_logging", async (extra) => {
    for (const data of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
      await extra.sendNotification({ method: "notifications/message", params: { level: "info", data } });
      await wait();
    }
    return { content: [text("done")] };
  });
  tool("test_tool_with_progress", async (extra) => {
    for (const progress of [0, 50, 100]) {
      const params = { progressToken: extra._meta?.progressToken ?? 0, progress, total: 100 };
      await extra.sendNotification({ method: "notifications/progress", params });
      await wait();
    }
    return { content: [text("done")] };
  });
  tool("test_sampling", async ({ prompt }, extra) => {
    const messages = [{ role: "user", content: text(prompt) }];
    const asked = await server.server.createMessage({ messages, maxTokens: 100 }, { relatedRequestId: extra.requestId });
    return { content: [text(`LLM response: ${asked.content.text}`)] };
  }, { prompt: z.string() });
  tool("test_elicitation", async ({ message }, extra) => {
    const requestedSchema = { type: "object", properties: { response: { type: "string" } }, required: ["response"] };
    const asked = await server.server.elicitInput({ message, requestedSchema }, { relatedRequestId: extra.requestId });
    return { content: [text(`User response: ${asked.action} ${JSON.stringify(asked.content)}`)] };
  }, { message: z.string() });

  const prompt = (name, run, argsSchema) => server.registerPrompt(name, { description: name, argsSchema }, run);
  add(server, ResourceTemplate, { tool, prompt, fields: (shape) => shape });
  return server;
}

const sessions = new Map();
createServer(async (request, response) => {
  let transport = sessions.get(request.headers["mcp-session-id"]);
  if (!transport) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => sessions.set(id, transport),
    });
    await made().connect(transport);
  }
  await transport.handleRequest(request, response);
}).listen(port, "127.0.0.1");
