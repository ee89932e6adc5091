// The server that the conformance suite of MCP asks for (its scenarios name tools, prompts and resources), made with the
// official TypeScript SDK: `node mcp_conformance_server.mjs PORT`.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { McpServer, ResourceTemplate } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";

const port = Number(process.argv[2]);
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
const text = (value) => ({ type: "text", text: value });
const image = { type: "image", data: PNG, mimeType: "image/png" };
const embedded = (uri) => ({ type: "resource", resource: { uri, mimeType: "text/plain", text: "This is an embedded resource content." } });
const user = (content) => ({ messages: [{ role: "user", content }] });
const wait = () => new Promise((resolve) => setTimeout(resolve, 20));

function made() {
  const server = new McpServer({ name: "conformance", version: "1" },
    { capabilities: { logging: {}, completions: {}, resources: { subscribe: true } } });
  const tool = (name, run, inputSchema) => server.registerTool(name, { description: `Scenario ${name}.`, inputSchema }, run);
  tool("test_simple_text", async () => ({ content: [text("This is a simple text response for testing.")] }));
  tool("test_image_content", async () => ({ content: [image] }));
  tool("test_audio_content", async () => ({ content: [{ type: "audio", data: WAV, mimeType: "audio/wav" }] }));
  tool("test_embedded_resource", async () => ({ content: [embedded("test://embedded-resource")] }));
  tool("test_multiple_content_types", async () => (
    { content: [text("Multiple content types test:"), image, embedded("test://mixed-content-resource")] }));
  tool("test_error_handling", async () => { throw new Error("This tool intentionally returns an error for testing"); });
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

  server.registerResource("text", "test://static-text", { mimeType: "text/plain" }, async (uri) => (
    { contents: [{ uri: uri.href, mimeType: "text/plain", text: "This is the content of the static text resource." }] }));
  server.registerResource("binary", "test://static-binary", { mimeType: "image/png" }, async (uri) => (
    { contents: [{ uri: uri.href, mimeType: "image/png", blob: PNG }] }));
  server.registerResource("template", new ResourceTemplate("test://template/{id}/data", { list: undefined }),
    { mimeType: "application/json" }, async (uri, { id }) => (
      { contents: [{ uri: uri.href, mimeType: "application/json", text: JSON.stringify({ id, data: `Data for ID: ${id}` }) }] }));
  const prompt = (name, run, argsSchema) => server.registerPrompt(name, { description: name, argsSchema }, run);
  prompt("test_simple_prompt", async () => user(text("This is a simple prompt for testing.")));
  prompt("test_prompt_with_arguments", async ({ arg1, arg2 }) => (
    user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))), { arg1: z.string(), arg2: z.string() });
  prompt("test_prompt_with_embedded_resource", async ({ resourceUri }) => (
    user(embedded(resourceUri))), { resourceUri: z.string() });
  prompt("test_prompt_with_image", async () => user(image));
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
