import { spawn, spawnSync, type ChildProcess } from "node:child_process";

/** Where one controller lives: a network of its own with one line to Consul and one to Datadog, each of which can be cut. */
export interface Place {
  /** How Consul and Datadog are reached from there. */
  readonly consulHost: string;
  readonly datadogHost: string;
  /** What a command line begins with so that it runs there. */
  readonly enter: readonly string[];
  cut(line: Line): void;
  mend(line: Line): void;
  leave(): void;
}

export type Line = "consul" | "datadog";

/** True if this process may make networks: as root on Linux, where `ip`, `unshare` and `nsenter` are there. */
export function canCut(): boolean {
  return (
    process.platform === "linux" &&
    process.getuid?.() === 0 &&
    spawnSync("unshare", ["--net", "ip", "link", "set", "lo", "up"]).status === 0 &&
    spawnSync("nsenter", ["--version"]).status === 0
  );
}

/** The command line that runs another one in a network that nothing else is in. */
export const IN_OWN_NETWORK = ["unshare", "--net"] as const;

/** Only in a network of one's own: it brings up the loopback of this one. */
export function bringUpLoopback(): void {
  ip("link", "set", "lo", "up");
}

/** @param number From 0 to 200, each used once. */
export function makePlace(number: number): Place {
  const holder = spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });
  const pid = String(holder.pid);
  waitForNetwork(holder);
  const enter = ["nsenter", "--target", pid, "--net"];
  inside(enter, "link", "set", "lo", "up");
  const lines = { consul: `10.81.${number}`, datadog: `10.82.${number}` } as const;
  const nameOf = (line: Line): string => `${line.slice(0, 1)}${number}`;
  for (const line of ["consul", "datadog"] as const) {
    const near = nameOf(line);
    ip("link", "add", near, "type", "veth", "peer", "name", line, "netns", pid);
    ip("address", "add", `${lines[line]}.1/24`, "dev", near);
    ip("link", "set", near, "up");
    inside(enter, "address", "add", `${lines[line]}.2/24`, "dev", line);
    inside(enter, "link", "set", line, "up");
  }
  return {
    consulHost: `${lines.consul}.1`,
    datadogHost: `${lines.datadog}.1`,
    enter,
    // What is under way is lost without a word, in both directions; nobody is told that the line is down.
    cut: (line) => ip("link", "set", nameOf(line), "down"),
    mend: (line) => ip("link", "set", nameOf(line), "up"),
    leave: () => void holder.kill("SIGKILL"),
  };
}

/** `unshare` makes the network a moment after it was started. */
function waitForNetwork({ pid }: ChildProcess): void {
  const own = spawnSync("readlink", ["/proc/self/ns/net"]).stdout.toString();
  for (let tries = 0; tries < 500; tries++) {
    const there = spawnSync("readlink", [`/proc/${pid}/ns/net`]).stdout.toString();
    if (there !== "" && there !== own) return;
  }
  throw new Error("Cannot make a network of its own for a controller: unshare did nothing");
}

function inside(enter: readonly string[], ...args: readonly string[]): void {
  const [program = "", ...rest] = enter;
  run(program, [...rest, "ip", ...args]);
}

function ip(...args: readonly string[]): void {
  run("ip", args);
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, [...args]);
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr.toString().trim()}`);
}
