import { SETTINGS, type Setting } from "../cmd/settings.ts";
import { code, table } from "./markdown.ts";

/** `docs/reference/configuration.md`: every setting, by environment and by flag. */
export function configurationReference(): string {
  const rows = Object.values(SETTINGS).map((setting: Setting) => [
    setting.env.map(code).join(", "),
    code(setting.flag === undefined ? "" : `${setting.flag} <${setting.value}>`),
    code(setting.docsDefault ?? setting.default ?? ""),
    setting.description,
  ]);
  return `<!-- Made by docs/generate.ts from cmd/settings.ts. Don't edit. -->

# Configuration

Everything is set by the environment or by flags; a flag wins. Tokens and keys have no flags, since flags can be seen in the list of processes. Nothing is read from anywhere else, and nothing is read twice, except the token file, which is read again when Consul refuses the token.

${table(["environment", "flag", "default", "what it means"], rows)}

\`CONSUL_HTTP_SSL=true\` makes an address without a scheme an \`https\` one. Durations are written \`90s\`, \`10m\` or \`1h30m\`. Several folders of packs are separated by colons.
`;
}
