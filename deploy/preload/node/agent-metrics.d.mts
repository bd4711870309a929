/**
 * What only an application knows about its agent, told as metrics `ai.agent.*`. Each function returns at once and throws
 * nothing. Values of tags are of few kinds: never a session, a user or the text of an error. What is over a tag's limit
 * becomes `other`.
 */

/** An evaluator looked at an output: the denominator of the hallucination rate. */
export function outputEvaluated(of?: { evaluator?: string }): void;

/** An evaluator found an output made up. */
export function hallucination(of?: {
  severity?: "low" | "medium" | "high" | "critical";
  evaluator?: string;
}): void;

/** The agent asks a person to decide about an action. @param key Tells this question from others, and is never sent. */
export function approvalRequested(key: string, of?: { action?: string }): void;

/** The person decided, or nobody did in time. Not counted in another process than the question's. */
export function approvalDecided(key: string, of: { decision: "approved" | "rejected" | "expired" }): void;

/** The agent proposes a change. */
export function modificationProposed(): void;

/** A person rejected a proposed change. */
export function modificationRejected(of?: { reason?: string }): void;

/** A safety gate looked at what the agent was about to do or say. */
export function safetyGateChecked(of: { gate: string }): void;

/** A safety gate stopped it. */
export function safetyGateTriggered(of: {
  gate: string;
  severity?: "low" | "medium" | "high" | "critical";
}): void;

/** One call of a tool was charged for. */
export function toolCost(of: { tool: string; dollars: number }): void;

/** A task of an application without LangChain: started, completed, duration, by how `work` ends. Returns what `work` returns, and throws what it throws. */
export function task<T>(taskType: string, work: () => T): T;

/** Sends what is held now; else it goes within two seconds, and when the process ends. */
export function flush(): void;
