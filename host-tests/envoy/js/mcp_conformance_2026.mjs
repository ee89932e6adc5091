// The server that the conformance suite asks for at revision 2026-07-28, made with the official TypeScript SDK of that
// revision: `node mcp_conformance_2026.mjs PORT`. It keeps no sessions; calls of several rounds say so in their results.
import { createServer } from "node:http";
import { acceptedContent, createMcpHandler, createRequestStateCodec, inputRequired, McpServer, ResourceTemplate } from "@modelcontextprotocol/server";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { z } from "zod";
import { add, text, user } from "./mcp_conformance_common.mjs";

const port = Number(process.argv[2]);
const say = (value) => ({ content: [text(value)] });
const name = inputRequired.elicit({ message: "What is your name?",
  requestedSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] } });
const sampling = inputRequired.createMessage({ messages: [{ role: "user", content: text("What is the capital of France?") }], maxTokens: 100 });
const state = createRequestStateCodec({ key: "a key of thirty-two bytes or more, for tests" });

function made() {
  const server = new McpServer({ name: "conformance", version: "1" },
    { capabilities: { completions: {}, resources: {}, prompts: {} }, requestState: { verify: state.verify } });
  const tool = (name, run, inputSchema = z.object({})) => (
    server.registerTool(name, { description: `Scenario ${name}.`, inputSchema }, run));
  tool("test_tool_with_progress", async (_, { mcpReq }) => {
    for (const progress of [0, 50, 100]) {
      const params = { progressToken: mcpReq._meta?.progressToken ?? 0, progress, total: 100 };
      await mcpReq.notify({ method: "notifications/progress", params });
    }
    return say("done");
  });
  // Calls of several rounds.
  tool("test_input_required_result_elicitation", async (_, { mcpReq }) => {
    const given = acceptedContent(mcpReq.inputResponses, "user_name");
    return given?.name ? say(`Hello, ${given.name}!`) : inputRequired({ inputRequests: { user_name: name } });
  });
  tool("test_input_required_result_sampling", async (_, { mcpReq }) => {
    const given = mcpReq.inputResponses?.capital_question;
    return given ? say(JSON.stringify(given)) : inputRequired({ inputRequests: { capital_question: sampling } });
  });
  tool("test_input_required_result_list_roots", async (_, { mcpReq }) => {
    const given = mcpReq.inputResponses?.client_roots;
    return given ? say(JSON.stringify(given)) : inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
  });
  const confirm = inputRequired.elicit({ message: "Please confirm",
    requestedSchema: { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] } });
  for (const own of ["request_state", "tampered_state"]) {
    tool(`test_input_required_result_${own}`, async (_, { mcpReq }) => (
      mcpReq.inputResponses?.confirm && mcpReq.requestState() ? say("state-ok")
        : inputRequired({ inputRequests: { confirm }, requestState: await state.mint({ own }) })));
  }
  tool("test_input_required_result_multiple_inputs", async (_, { mcpReq }) => {
    const given = mcpReq.inputResponses ?? {};
    return given.user_name && given.greeting && given.client_roots ? say("all of them")
      : inputRequired({ inputRequests: { user_name: name, greeting: sampling, client_roots: inputRequired.listRoots() },
        requestState: await state.mint({ all: true }) });
  });
  tool("test_input_required_result_multi_round", async (_, { mcpReq }) => {
    const given = mcpReq.inputResponses ?? {};
    const round = mcpReq.requestState()?.round ?? 0;
    if (round >= 2 && given.step2) return say("done");
    const step = given.step1 ? 2 : 1;
    return inputRequired({ inputRequests: { [`step${step}`]: name }, requestState: await state.mint({ round: step }) });
  });
  tool("test_input_required_result_capabilities", async (_, { mcpReq }) => (
    inputRequired({ inputRequests: { capital_question: sampling } })));
  tool("json_schema_2020_12_tool", async () => say("ok"), z.object({ name: z.string().optional() }));

  const prompt = (name, run, argsSchema) => server.registerPrompt(name, { description: name, argsSchema }, run);
  add(server, ResourceTemplate, { tool, prompt, fields: (shape) => z.object(shape) });
  prompt("test_input_required_result_prompt", async (_, { mcpReq }) => {
    const given = acceptedContent(mcpReq.inputResponses, "user_context");
    return given ? user(text("context given")) : inputRequired({ inputRequests: { user_context: inputRequired.elicit({ message: "Context?",
      requestedSchema: { type: "object", properties: { context: { type: "string" } }, required: ["context"] } }) } });
  }, z.object({}));
  return server;
}

createServer(toNodeHandler(createMcpHandler(made, { legacy: "reject" }))).listen(port, "127.0.0.1");
