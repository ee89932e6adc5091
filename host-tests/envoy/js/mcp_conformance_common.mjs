// What the conformance suite of MCP asks for at every revision: tools, resources and prompts, for a server of either SDK.
import { z } from "zod";

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
export const text = (value) => ({ type: "text", text: value });
const image = { type: "image", data: PNG, mimeType: "image/png" };
const embedded = (uri) => ({ type: "resource", resource: { uri, mimeType: "text/plain", text: "This is an embedded resource content." } });
export const user = (content) => ({ messages: [{ role: "user", content }] });

// `tool` adds one tool, `prompt` one prompt; `fields` gives arguments the form that the SDK takes.
export function add(server, ResourceTemplate, { tool, prompt, fields }) {
  tool("test_simple_text", async () => ({ content: [text("This is a simple text response for testing.")] }));
  tool("test_image_content", async () => ({ content: [image] }));
  tool("test_audio_content", async () => ({ content: [{ type: "audio", data: WAV, mimeType: "audio/wav" }] }));
  tool("test_embedded_resource", async () => ({ content: [embedded("test://embedded-resource")] }));
  tool("test_multiple_content_types", async () => (
    { content: [text("Multiple content types test:"), image, embedded("test://mixed-content-resource")] }));
  tool("test_error_handling", async () => { throw new Error("This tool intentionally returns an error for testing"); });

  server.registerResource("text", "test://static-text", { mimeType: "text/plain" }, async (uri) => (
    { contents: [{ uri: uri.href, mimeType: "text/plain", text: "This is the content of the static text resource." }] }));
  server.registerResource("binary", "test://static-binary", { mimeType: "image/png" }, async (uri) => (
    { contents: [{ uri: uri.href, mimeType: "image/png", blob: PNG }] }));
  server.registerResource("template", new ResourceTemplate("test://template/{id}/data", { list: undefined }),
    { mimeType: "application/json" }, async (uri, { id }) => (
      { contents: [{ uri: uri.href, mimeType: "application/json", text: JSON.stringify({ id, data: `Data for ID: ${id}` }) }] }));
  prompt("test_simple_prompt", async () => user(text("This is a simple prompt for testing.")));
  prompt("test_prompt_with_arguments", async ({ arg1, arg2 }) => (
    user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))), fields({ arg1: z.string(), arg2: z.string() }));
  prompt("test_prompt_with_embedded_resource", async ({ resourceUri }) => (
    user(embedded(resourceUri))), fields({ resourceUri: z.string() }));
  prompt("test_prompt_with_image", async () => user(image));
}
