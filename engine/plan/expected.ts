/** What stands in a plan where the other system's name of an object belongs that is only planned: `‹ray/queue-too-long›`. */
export function expectedRef(key: string): string {
  return `‹${key}›`;
}

/** True if a value names an object that is only planned: it can be shown, but not be sent. */
export function hasExpectedRef(value: unknown): boolean {
  return /‹[^‹›]+\/[^‹›]+›/.test(JSON.stringify(value) ?? "");
}
