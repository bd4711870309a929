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
  --s0: light-dark(#7b51c8, #a684ee);
  --s1: light-dark(#3f9ec4, #5fb8dc);
  --s2: light-dark(#b8c0d4, #6f7690);
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
h4 { margin: 0; font-size: 0.92rem; font-weight: 600; line-height: 1.3; overflow-wrap: anywhere; }
h4 span, h4 small { display: block; }
h4 small { color: var(--quiet); font-size: 0.66rem; font-weight: 500; letter-spacing: 0.06em; text-transform: uppercase; }
svg { flex: 1 1 3rem; width: 100%; min-height: 2.6rem; max-height: 7rem; }
svg * { fill: none; stroke: var(--quiet); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .threshold { stroke: var(--bad); stroke-dasharray: 5 4; }
svg .tick { stroke: var(--s0); stroke-width: 2; }
svg .s0 { stroke: var(--s0); }
svg .s1 { stroke: var(--s1); }
svg .s2 { stroke: var(--s2); }
svg .fill { stroke: none; fill: var(--s0); }
svg .fill.s1 { fill: var(--s1); }
svg .fill.s2 { fill: var(--s2); }
svg .track { stroke: none; fill: var(--line); }
svg .good { fill: var(--good); stroke: none; }
svg .wait { fill: var(--wait); stroke: none; }
svg .bad { fill: var(--bad); stroke: none; }
.value {
  display: flex;
  flex: 1;
  flex-direction: column;
  justify-content: center;
  align-items: center;
  gap: 0.3rem;
  margin: 0;
  color: var(--accent);
  font-size: 1.9rem;
  font-weight: 600;
  line-height: 1;
  letter-spacing: -0.02em;
}
.value span { display: flex; gap: 0.25rem; }
.value i { width: 0.9rem; height: 0.3rem; border-radius: 0.15rem; }
i.good { background: var(--good); }
i.wait { background: var(--wait); }
i.bad { background: var(--bad); }
.legend { display: flex; flex-wrap: wrap; gap: 0.1rem 0.7rem; margin: 0; padding: 0; list-style: none; font-size: 0.76rem; }
.legend li::before { content: ""; display: inline-block; width: 0.7em; height: 0.7em; margin-right: 0.35em; border-radius: 0.15em; background: conic-gradient(var(--s0) 33%, var(--s1) 0 66%, var(--s2) 0); }
.legend .marker::before { height: 0; border-top: 2px dashed var(--bad); border-radius: 0; background: none; vertical-align: 0.2em; }
.note p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.queries { margin: 0; padding: 0; list-style: none; color: var(--quiet); font: 0.74rem/1.4 ui-monospace, monospace; }
.queries li { overflow-wrap: anywhere; white-space: pre-wrap; }
details summary { cursor: pointer; list-style: none; }
details summary::-webkit-details-marker { display: none; }
details summary:hover .queries, details[open] > .queries { color: var(--ink); }
article > :last-child:not(h4, svg, .value, .legend) { margin-top: auto; }
@media (min-width: 60.01rem) {
  .narrow details:not([open]) .queries li:first-child:not(:last-child) ~ li { display: none; }
}
details[open] > .queries { margin-top: 0.3rem; padding-top: 0.3rem; border-top: 1px dashed var(--line); }
summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 0.2rem; }
@media (max-width: 60rem) {
  .grid { display: flex; flex-direction: column; }
}
@media print { body { background: none; } article, .group { break-inside: avoid; } }
`;
