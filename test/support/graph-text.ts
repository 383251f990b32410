/** A graph as a Mermaid flowchart or a DOT file describes it. */
export interface GraphText {
  /** Id → label, its lines. */
  readonly nodes: ReadonlyMap<string, readonly string[]>;
  /** Labels of the groups. */
  readonly groups: readonly string[];
  /** `s0 s1 role`. */
  readonly edges: readonly string[];
}

interface Reading {
  readonly nodes: Map<string, readonly string[]>;
  readonly groups: string[];
  readonly edges: string[];
}

/**
 * Reads a flowchart, of whose grammar only this much is allowed: one statement a line, and in labels nothing but letters,
 * digits, harmless signs, `<br/>` and numeric entities. Throws for everything else.
 */
export function readMermaid(text: string): GraphText {
  const [head, ...lines] = linesOf(text);
  if (head !== 'flowchart TD') throw new Error(`not a flowchart: ${head}`);
  const reading: Reading = { nodes: new Map(), groups: [], edges: [] };
  let open = false;
  for (const line of lines) {
    const group = /^ {2}subgraph stage\d+\["([^"]*)"\]$/.exec(line)?.[1];
    const [, indent, id, label] =
      /^( {2,4})(s\d+)\["([^"]*)"\]:::(?:cached|run|maybe|unneeded)$/.exec(line) ?? [];
    const [, from, role, to] = /^ {2}(s\d+) (?:-->|-\.->\|([a-z]+)\|) (s\d+)$/.exec(line) ?? [];
    if (group !== undefined && !open) {
      reading.groups.push(mermaidLabel(group).join('\n'));
      open = true;
    } else if (line === '  end' && open) open = false;
    else if (id !== undefined && indent?.length === (open ? 4 : 2))
      addNode(reading, id, mermaidLabel(label ?? ''));
    else if (from !== undefined) reading.edges.push(`${from} ${to} ${role ?? 'from'}`);
    else if (!/^ {2}classDef [a-z]+ fill:#[0-9a-f]{6},stroke:#[0-9a-f]{6},color:#[0-9a-f]{6}$/.test(line))
      throw new Error(`not a line of a flowchart: ${line}`);
  }
  return checked(reading, open);
}

function mermaidLabel(label: string): readonly string[] {
  return label.split('<br/>').map((line) => {
    const rest = line.replaceAll(/#\d+;/g, '');
    if (!/^[\p{L}\p{N} ,./:=+_()[\]*…-]*$/u.test(rest) || /[\ufb00-\ufb06]/.test(rest))
      throw new Error(`unescaped in a label: ${line}`);
    return line.replaceAll(/#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)));
  });
}

/** Reads a digraph, one statement a line, strings escaped as graphviz.org/doc/info/lang.html has it. Throws for all else. */
export function readDot(text: string): GraphText {
  const [head, style, ...rest] = linesOf(text);
  if (head !== 'digraph plan {' || rest.pop() !== '}') throw new Error('not one digraph');
  if (style?.startsWith('  node [') !== true) throw new Error(`no style: ${style}`);
  const reading: Reading = { nodes: new Map(), groups: [], edges: [] };
  let open = false;
  for (const line of rest) {
    const string = String.raw`"((?:[^"\\]|\\.)*)"`;
    const group = new RegExp(`^ {4}label=${string};$`).exec(line)?.[1];
    const [, indent, id, label] =
      new RegExp(`^( {2,4})(s\\d+) \\[label=${string}, fillcolor="#[0-9a-f]{6}"\\];$`).exec(line) ?? [];
    const [, from, to, role] =
      /^ {2}(s\d+) -> (s\d+)(?: \[label="([a-z]+)", style=dashed\])?;$/.exec(line) ?? [];
    if (/^ {2}subgraph cluster_\d+ \{$/.test(line) && !open) open = true;
    else if (group !== undefined && open) reading.groups.push(dotLabel(group).join('\n'));
    else if (line === '  }' && open) open = false;
    else if (id !== undefined && indent?.length === (open ? 4 : 2))
      addNode(reading, id, dotLabel(label ?? ''));
    else if (from !== undefined) reading.edges.push(`${from} ${to} ${role ?? 'from'}`);
    else throw new Error(`not a line of a digraph: ${line}`);
  }
  return checked(reading, open);
}

function dotLabel(label: string): readonly string[] {
  const lines = [''];
  for (const [token] of label.matchAll(/\\.|&[^;]*;|[^\\]/gs)) {
    const last = lines.length - 1;
    if (token === '\\n') lines.push('');
    else if (token.startsWith('\\') && !['\\\\', '\\"'].includes(token))
      throw new Error(`an escape: ${token}`);
    else if (token.startsWith('&') && token !== '&amp;') throw new Error(`an entity: ${token}`);
    else lines[last] = `${lines[last]}${token === '&amp;' ? '&' : token.replace(/^\\/, '')}`;
  }
  return lines;
}

function linesOf(text: string): string[] {
  if (!text.endsWith('\n') || /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(text))
    throw new Error('no end of line at the end, or control characters');
  return text.slice(0, -1).split('\n');
}

function addNode({ nodes }: Reading, id: string, label: readonly string[]): void {
  if (nodes.has(id)) throw new Error(`two nodes ${id}`);
  nodes.set(id, label);
}

function checked(reading: Reading, open: boolean): GraphText {
  if (open) throw new Error('a group without end');
  for (const edge of reading.edges) {
    const unknown = edge
      .split(' ')
      .slice(0, 2)
      .find((id) => !reading.nodes.has(id));
    if (unknown !== undefined) throw new Error(`no node ${unknown}`);
  }
  return reading;
}
