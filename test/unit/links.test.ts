import { existsSync, globSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url);
const PAGES = globSync(["*.md", "docs/**/*.md", "deploy/**/*.md"], { cwd: ROOT });

test.for(PAGES)("every link of %s leads somewhere", (name) => {
  const page = new URL(name, ROOT);
  const text = withoutCode(readFileSync(page, "utf8"));
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);

  const dead = links.filter((link) => !/^https?:/.test(link) && !leads(link, page));

  expect(dead).toEqual([]);
});

test.for(PAGES)("every file of this repository that %s names in a table or text is there", (name) => {
  const text = withoutCode(readFileSync(new URL(name, ROOT), "utf8"));
  const named = [...text.matchAll(/`((?:cmd|controllers|crds|engine|clients|test|deploy)\/[\w./-]+\.\w+)`/g)];

  // The NATS pack is made on the page itself.
  const absent = named
    .map(([, file]) => file!)
    .filter((file) => !file.includes("nats") && !existsSync(new URL(file, ROOT)));

  expect(absent).toEqual([]);
});

function withoutCode(text: string): string {
  return text.replaceAll(/^ *```[^]*?^ *```$/gm, "");
}

function leads(link: string, page: URL): boolean {
  const target = new URL(link, page);
  const anchor = target.hash.slice(1);
  target.hash = "";
  if (!existsSync(target)) return false;
  return anchor === "" || anchorsOf(readFileSync(target, "utf8")).has(anchor);
}

/** As forges make them of headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  return new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
}
