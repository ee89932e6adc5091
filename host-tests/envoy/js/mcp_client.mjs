// The official TypeScript SDK as an MCP client. Reads `{url, headers, steps}` as JSON from standard input, where a step is
// `"list"` or `[tool, arguments]`; writes what each gave: names, or `{text, error, progress}`, or `{raised}`.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";

let input = "";
for await (const chunk of process.stdin) input += chunk;
const { url, headers, steps } = JSON.parse(input);

const client = new Client({ name: "test", version: "1" }, { capabilities: { elicitation: {} } });
client.setRequestHandler(ElicitRequestSchema, async () => ({ action: "accept", content: { sure: true } }));
const results = [];
try {
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
} catch (error) {
  results.push({ raised: String(error.message) });
}
for (const step of results.length ? [] : steps) {
  try {
    if (step === "list") {
      results.push((await client.listTools()).tools.map(({ name }) => name));
      continue;
    }
    const [name, args] = step;
    const progress = [];
    const result = await client.callTool({ name, arguments: args }, undefined,
      { timeout: 20_000, onprogress: ({ progress: value }) => progress.push(value) });
    const text = result.content.filter(({ type }) => type === "text").map((part) => part.text).join("");
    results.push({ text, error: Boolean(result.isError), progress });
  } catch (error) {
    results.push({ raised: String(error.message) });
  }
}
process.stdout.write(JSON.stringify(results));
process.exit(0);
