// A chat model that answers by itself: no network, no key, the same answer every time.
import { BaseChatModel } from "@langchain/core/language_models/chat_models";
import { AIMessage, AIMessageChunk } from "@langchain/core/messages";
import { ChatGenerationChunk } from "@langchain/core/outputs";

const USAGE = { input_tokens: 120, output_tokens: 30, total_tokens: 150 };

/** Calls the tool `search` first and answers once its result is there. */
export class ScriptedModel extends BaseChatModel {
  model;
  #failures;

  /** @param {{ model?: string, fails?: boolean, failures?: number }} [options] `failures` is how many calls fail first. */
  constructor({ model = "gpt-4.1-mini", fails = false, failures = fails ? Infinity : 0 } = {}) {
    super({ maxRetries: 0 });
    this.model = model;
    this.#failures = failures;
  }

  _llmType() {
    return "scripted";
  }

  getLsParams() {
    return { ls_provider: "openai", ls_model_name: this.model, ls_model_type: "chat" };
  }

  bindTools() {
    return this;
  }

  async _generate(messages) {
    const message = new AIMessage(this.#answerTo(messages));
    return { generations: [{ text: message.text, message }] };
  }

  async *_streamResponseChunks(messages) {
    const { content, tool_calls: calls = [], ...rest } = this.#answerTo(messages);
    for (const word of content.split(" ")) {
      yield new ChatGenerationChunk({ text: word, message: new AIMessageChunk({ content: `${word} ` }) });
    }
    yield new ChatGenerationChunk({
      text: "",
      message: new AIMessageChunk({
        content: "",
        ...rest,
        tool_call_chunks: calls.map(({ name, args, id }, index) => ({
          name,
          args: JSON.stringify(args),
          id,
          index,
          type: "tool_call_chunk",
        })),
      }),
    });
  }

  #answerTo(messages) {
    if (this.#failures-- > 0) throw new Error("the model is overloaded");
    const told = {
      usage_metadata: USAGE,
      response_metadata: { model_name: this.model, tokenUsage: { promptTokens: 120, completionTokens: 30 } },
    };
    if (messages.some((message) => message.getType() === "tool"))
      return { ...told, content: "The order is on its way." };
    const call = { name: "search", args: { query: "order 42" }, id: "call_1", type: "tool_call" };
    return { ...told, content: "", tool_calls: [call] };
  }
}
