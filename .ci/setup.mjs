// Installs the dependencies when they are absent or older than the lock file. Plain JavaScript for any Node from 20 on:
// it runs before the project's own Node (the npm package `node`) is there.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import path from "node:path";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const lock = createHash("sha256")
  .update(readFileSync(path.join(root, "package-lock.json")))
  .digest("hex");
const stamp = path.join(root, "node_modules", ".dd-observe-setup");

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
  console.error("Installing dependencies (once per change of package-lock.json) …");
  const npm = process.env.npm_execpath;
  const args = ["ci", "--loglevel", "error"];
  if (npm?.endsWith(".js")) execFileSync(process.execPath, [npm, ...args], { cwd: root, stdio: "inherit" });
  else execFileSync("npm", args, { cwd: root, stdio: "inherit", shell: process.platform === "win32" });
  writeFileSync(stamp, lock);
}
