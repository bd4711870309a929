// What only an application knows about its agent, told as metrics ai.agent.*. One file without dependencies: copy it
// with agent-metrics.d.mts into your application. Where dd-observe's preload isn't loaded, every function does nothing.

const preload = () => globalThis[Symbol.for("dd-observe.agent-metrics")];

const tell =
  (name) =>
  (...args) =>
    preload()?.[name](...args);

export const outputEvaluated = tell("outputEvaluated");
export const hallucination = tell("hallucination");
export const approvalRequested = tell("approvalRequested");
export const approvalDecided = tell("approvalDecided");
export const modificationProposed = tell("modificationProposed");
export const modificationRejected = tell("modificationRejected");
export const safetyGateChecked = tell("safetyGateChecked");
export const safetyGateTriggered = tell("safetyGateTriggered");
export const toolCost = tell("toolCost");
export const flush = tell("flush");
export const task = (taskType, work) => {
  const loaded = preload();
  return loaded === undefined ? work() : loaded.task(taskType, work);
};
