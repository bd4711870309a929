/** Of the page that shows how a dashboard is laid out. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1c1b22, #e6e4ec);
  --quiet: light-dark(#66636f, #a09cab);
  --paper: light-dark(#f3f2f6, #17161b);
  --raised: light-dark(#ffffff, #201f26);
  --line: light-dark(#dddbe4, #34323c);
  --accent: light-dark(#632ca6, #b794f0);
  --good: light-dark(#3d9a63, #4fae77);
  --bad: light-dark(#c8453c, #e0736a);
  --wait: light-dark(#c08a1d, #d9a94a);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto;
  max-width: 100rem;
  padding: 0 1.5rem 2rem;
  background: var(--paper);
  color: var(--ink);
  font: 14px/1.45 system-ui, sans-serif;
}
header { padding: 1.2rem 0 1rem; }
h1 { margin: 0 0 0.3rem; font-size: 1.4rem; letter-spacing: -0.01em; }
h2 { margin: 1.4rem 0 0.6rem; font-size: 1.05rem; }
header p { margin: 0.15rem 0; color: var(--quiet); max-width: 60rem; }
footer { margin-top: 1.2rem; color: var(--quiet); font-size: 0.85em; }
.variables { display: flex; flex-wrap: wrap; gap: 0.5rem; margin: 0.8rem 0 0; padding: 0; list-style: none; }
.variables li {
  padding: 0.15rem 0.6rem;
  background: var(--raised);
  border: 1px solid var(--line);
  border-radius: 0.3rem;
}
.variables b { color: var(--accent); font-weight: 600; }
.variables .tag { color: var(--quiet); }
.grid { display: grid; gap: 0.5rem; grid-auto-rows: minmax(4.2rem, auto); }
.free { position: relative; }
.free > * { position: absolute; }
.group {
  display: flex;
  flex-direction: column;
  background: var(--raised);
  border: 1px solid var(--line);
  border-radius: 0.4rem;
  overflow: hidden;
}
.group > .grid { padding: 0.5rem; flex: 1; }
h3 {
  margin: 0;
  padding: 0.4rem 0.75rem;
  background: color-mix(in srgb, var(--accent) 14%, var(--raised));
  border-bottom: 1px solid var(--line);
  font-size: 0.95rem;
}
article {
  display: flex;
  flex-direction: column;
  gap: 0.4rem;
  min-width: 0;
  padding: 0.5rem 0.65rem;
  background: var(--raised);
  border: 1px solid var(--line);
  border-radius: 0.3rem;
  overflow: hidden;
}
h4 { display: flex; gap: 0.5rem; align-items: baseline; margin: 0; font-size: 0.92rem; font-weight: 600; }
h4 span { overflow-wrap: anywhere; }
h4 small { margin-left: auto; color: var(--quiet); font-size: 0.78rem; font-weight: 400; white-space: nowrap; }
svg { flex: 1 1 2.5rem; width: 100%; min-height: 2rem; max-height: 7rem; }
svg * { fill: none; stroke: var(--accent); stroke-width: 1; vector-effect: non-scaling-stroke; }
svg .fill { fill: color-mix(in srgb, var(--accent) 30%, transparent); stroke: none; }
svg text { fill: var(--accent); stroke: none; font: 600 28px system-ui, sans-serif; }
svg .good { fill: var(--good); stroke: none; }
svg .wait { fill: var(--wait); stroke: none; }
svg .bad { fill: var(--bad); stroke: none; }
.queries { margin: 0; padding: 0; list-style: none; color: var(--quiet); font: 0.76rem/1.4 ui-monospace, monospace; }
.queries li { overflow-wrap: anywhere; white-space: pre-wrap; }
@media (max-width: 60rem) {
  .grid { display: flex; flex-direction: column; }
}
@media print { body { background: none; } article, .group { break-inside: avoid; } }
`;
