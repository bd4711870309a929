import { Document, isCollection, isNode } from "yaml";

import type { Note } from "./fields.ts";

/** A document's text, with each note at the place that it is about. */
export function documentText(
  value: Readonly<Record<string, unknown>>,
  head: readonly string[],
  notes: readonly Note[],
): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  const above = [...head];
  const placed = new Map<object, string[]>();
  for (const { path, text } of notes) {
    const node = path === "" ? undefined : document.getIn(path.split("."), true);
    if (!isNode(node)) above.push(path === "" ? text : `${path}: ${text}`);
    else placed.set(node, [...(placed.get(node) ?? []), text]);
  }
  for (const [node, texts] of placed) {
    if (!isNode(node)) continue;
    const comment = texts.map((text) => ` ${onOneLine(text)}`);
    if (isCollection(node)) node.commentBefore = comment.join("\n");
    else node.comment = comment.join(";");
  }
  if (above.length > 0) document.commentBefore = above.map((line) => ` ${onOneLine(line)}`).join("\n");
  return document.toString({ lineWidth: 0 });
}

function onOneLine(text: string): string {
  return text.replaceAll(/\s*[\r\n]+\s*/g, " ");
}
