import type { BuildForecast, StepForecast } from '../../plan.ts';
import { printableLine } from '../terminal-text.ts';
import { cut } from './cut.ts';
import { reasonOf, shortNames, stageGroups, wordOf, type StageGroup } from './groups.ts';
import type { NameOf } from './reason-text.ts';

type Status = StepForecast['outlook']['status'];

const fills: Readonly<Record<Status, string>> = {
  cached: '#d9f2d9',
  run: '#ffe0b3',
  maybe: '#d9e8ff',
  unneeded: '#eeeeee',
};

/** A longer text makes its box hide the graph. */
const longestLine = 80;

interface Nodes {
  readonly groups: readonly StageGroup[];
  readonly nameOf: NameOf;
  /** What a node is called in the graph: never a text of others. */
  readonly idOf: (step: { readonly id: StepForecast['id'] }) => string;
}

function nodesOf(forecast: BuildForecast): Nodes {
  const ids = new Map(forecast.steps.map(({ id }, index) => [id, `s${index}`]));
  return {
    groups: stageGroups(forecast),
    nameOf: shortNames(forecast),
    idOf: ({ id }) => ids.get(id) ?? 'none',
  };
}

/** Name, status, reason. */
function linesOf(step: StepForecast, nameOf: NameOf): readonly string[] {
  const reason = reasonOf(step, nameOf);
  const status = reason === '' ? wordOf(step) : `${wordOf(step)}: ${reason}`;
  return [printableLine(step.name), status].map((line) => cut(line, longestLine));
}

/** A flowchart as GitHub and others draw it in Markdown (mermaid.js.org). */
export function mermaidText(forecast: BuildForecast): string {
  const { groups, nameOf, idOf } = nodesOf(forecast);
  const lines = ['flowchart TD'];
  for (const [index, { heading, steps }] of groups.entries()) {
    const nodes = steps.map((step) => {
      const label = linesOf(step, nameOf).map(mermaidEscaped).join('<br/>');
      return `${idOf(step)}["${label}"]:::${step.outlook.status}`;
    });
    if (heading === undefined) lines.push(...nodes.map((node) => `  ${node}`));
    else {
      lines.push(`  subgraph stage${index}["${mermaidEscaped(printableLine(heading))}"]`);
      lines.push(...nodes.map((node) => `    ${node}`), '  end');
    }
  }
  for (const step of forecast.steps) {
    for (const { id, role } of step.inputs) {
      const arrow = role === 'from' ? '-->' : `-.->|${role}|`;
      lines.push(`  ${idOf({ id })} ${arrow} ${idOf(step)}`);
    }
  }
  for (const [status, fill] of Object.entries(fills)) {
    lines.push(`  classDef ${status} fill:${fill},stroke:#666666,color:#000000`);
  }
  return `${lines.join('\n')}\n`;
}

/**
 * Everything that could mean something in a label becomes a numeric entity, which Mermaid writes with a hash alone: quotes
 * and the hash end it, `<` begins HTML, a backtick Markdown. So do ligatures, which Mermaid itself stands in for entities.
 */
function mermaidEscaped(text: string): string {
  return text.replace(
    /[^\p{L}\p{N} ,./:=+_()[\]*…-]|[\u{fb00}-\u{fb06}]/gu,
    (character) => `#${character.codePointAt(0) ?? 0};`,
  );
}

/** A digraph as Graphviz draws it (graphviz.org/doc/info/lang.html). */
export function dotText(forecast: BuildForecast): string {
  const { groups, nameOf, idOf } = nodesOf(forecast);
  const lines = ['digraph plan {', '  node [shape=box, style=filled, fontname="sans-serif"];'];
  for (const [index, { heading, steps }] of groups.entries()) {
    const nodes = steps.map((step) => {
      const label = linesOf(step, nameOf).map(dotEscaped).join('\\n');
      return `${idOf(step)} [label="${label}", fillcolor="${fills[step.outlook.status]}"];`;
    });
    if (heading === undefined) lines.push(...nodes.map((node) => `  ${node}`));
    else {
      lines.push(`  subgraph cluster_${index} {`, `    label="${dotEscaped(printableLine(heading))}";`);
      lines.push(...nodes.map((node) => `    ${node}`), '  }');
    }
  }
  for (const step of forecast.steps) {
    for (const { id, role } of step.inputs) {
      const style = role === 'from' ? '' : ` [label="${role}", style=dashed]`;
      lines.push(`  ${idOf({ id })} -> ${idOf(step)}${style};`);
    }
  }
  return `${[...lines, '}'].join('\n')}\n`;
}

/** A backslash begins an escape of Graphviz, an ampersand an HTML entity, also in plain labels. */
function dotEscaped(text: string): string {
  return text.replaceAll('&', '&amp;').replace(/["\\]/g, '\\$&');
}
