// The official JavaScript SDKs, each way of asking as one function. Reads a list of jobs `{way, base_url, headers}` as
// JSON from standard input; writes a list of `{text, ends, calls}` or `{error, status}` in the same order.
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

const model = "test-model";
const messages = [{ role: "user", content: "Hello" }];
const openai = ({ base_url, headers }) =>
  new OpenAI({ baseURL: `${base_url}/v1`, apiKey: "test", maxRetries: 0, defaultHeaders: headers });
const anthropic = ({ base_url, headers }) =>
  new Anthropic({ baseURL: base_url, apiKey: "test", maxRetries: 0, defaultHeaders: headers });
const genai = ({ base_url, headers }) => new GoogleGenAI({ apiKey: "test", httpOptions: { baseUrl: base_url, headers } });

const chatCall = (call) => [(call.function ?? call.custom).name, (call.function?.arguments ?? call.custom?.input) || ""];
const choice = ({ message, finish_reason }) => ({
  text: message.content || message.refusal || "",
  ends: [finish_reason],
  calls: (message.tool_calls ?? []).map(chatCall),
});
const response = ({ output, status }) => ({
  text: output.filter((item) => item.type === "message").flatMap((item) => item.content)
    .map((part) => part.text ?? part.refusal ?? "").join(""),
  ends: [status],
  calls: output.filter((item) => item.type === "function_call").map((item) => [item.name, item.arguments]),
});
const message = ({ content, stop_reason }) => ({
  text: content.filter((block) => block.type === "text").map((block) => block.text).join(""),
  ends: [stop_reason],
  calls: content.filter((block) => block.type.endsWith("tool_use")).map((block) => [block.name, JSON.stringify(block.input)]),
});
const candidates = (answers) => {
  const all = answers.flatMap((answer) => answer.candidates ?? []);
  return {
    text: all.flatMap((candidate) => candidate.content?.parts ?? []).filter((part) => !part.thought)
      .map((part) => part.text ?? "").join(""),
    ends: all.map((candidate) => candidate.finishReason).filter(Boolean),
    calls: all.flatMap((candidate) => candidate.content?.parts ?? []).filter((part) => part.functionCall?.name)
      .map(({ functionCall }) => [functionCall.name, JSON.stringify(functionCall.args ?? {})]),
  };
};

const ways = {
  "openai chat create": async (job) => choice((await openai(job).chat.completions.create({ model, messages })).choices[0]),
  "openai chat stream=True": async (job) => {
    let text = "";
    const ends = [];
    const calls = [];
    for await (const chunk of await openai(job).chat.completions.create({ model, messages, stream: true })) {
      for (const { delta, finish_reason } of chunk.choices) {
        text += delta.content || delta.refusal || "";
        for (const { index, function: call } of delta.tool_calls ?? []) {
          calls[index] ??= ["", ""];
          calls[index][0] += call?.name ?? "";
          calls[index][1] += call?.arguments ?? "";
        }
        if (finish_reason) ends.push(finish_reason);
      }
    }
    return { text, ends, calls };
  },
  "openai chat .stream()": async (job) =>
    choice((await openai(job).chat.completions.stream({ model, messages }).finalChatCompletion()).choices[0]),
  "openai responses create": async (job) => response(await openai(job).responses.create({ model, input: "Hello" })),
  "openai responses .stream()": async (job) =>
    response(await openai(job).responses.stream({ model, input: "Hello" }).finalResponse()),
  "anthropic create": async (job) => message(await anthropic(job).messages.create({ model, max_tokens: 256, messages })),
  "anthropic .stream()": async (job) =>
    message(await anthropic(job).messages.stream({ model, max_tokens: 256, messages }).finalMessage()),
  "genai generate_content": async (job) =>
    candidates([await genai(job).models.generateContent({ model, contents: "Hello" })]),
  "genai generate_content_stream": async (job) => {
    const answers = [];
    for await (const answer of await genai(job).models.generateContentStream({ model, contents: "Hello" })) {
      answers.push(answer);
    }
    return candidates(answers);
  },
};

let input = "";
for await (const part of process.stdin) input += part;
const run = (job) =>
  ways[job.way](job).catch((error) => ({ error: error.constructor.name, status: error.status, message: String(error) }));
const results = [];
for (const job of JSON.parse(input)) results.push(await run(job));
console.log(JSON.stringify(results));
