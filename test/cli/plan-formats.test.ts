import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { cut } from '../../src/cli/plan/cut.ts';
import { dotText, mermaidText } from '../../src/cli/plan/graphs.ts';
import { planJson } from '../../src/cli/plan/json.ts';
import { reasonText } from '../../src/cli/plan/reason-text.ts';
import { treeText, type Paint } from '../../src/cli/plan/tree.ts';
import { displayWidth, printableLine } from '../../src/cli/terminal-text.ts';
import { digestOf, type Digest, type Json, type MissReason, type PartChange } from '../../src/core/index.ts';
import type { BuildForecast, StepForecast } from '../../src/plan.ts';
import type { Outlook } from '../../src/solver/index.ts';
import { readDot, readMermaid } from '../support/graph-text.ts';
import { runs } from '../support/series.ts';

const plain: Paint = (_, text) => text;
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

function idOf(index: number): Digest {
  return digestOf(`step ${index}`);
}

interface GivenStep {
  readonly name: string;
  readonly stage?: string | undefined;
  readonly outlook?: Outlook;
  readonly inputs?: readonly number[];
}

function forecastOf(steps: readonly GivenStep[]): BuildForecast {
  return {
    target: idOf(steps.length - 1),
    platform: { os: 'linux', architecture: 'amd64' },
    targets: [{ id: idOf(steps.length - 1), platform: { os: 'linux', architecture: 'amd64' } }],
    steps: steps.map((step, index): StepForecast => {
      const { name, stage, outlook = { status: 'cached', by: 'definition' }, inputs = [] } = step;
      const below = inputs.map((input, position) => ({
        id: idOf(input),
        role: position === 0 ? ('from' as const) : ('source' as const),
      }));
      const [id, key] = [idOf(index), digestOf(`key ${index}`)];
      return { id, key, name, identity: name, stage, kind: 'run', inputs: below, outlook };
    }),
  };
}

const hostile = [
  '"',
  '"]; evil --> s0',
  '"]:::x\n  click s0 "javascript:alert(1)"',
  "'",
  '`**b**`',
  '#35; #quot; #',
  'ﬂ°°60¶ß',
  '%%{init: {}}%%',
  '<script>alert(1)</script>',
  '&lt; &amp; &',
  '\\" \\N \\',
  '}\n  s0 -> s1',
  'end',
  ']]>',
  '-->',
  '\u001b[31mred\u001b]0;title\u0007',
  '\u0000\u009b31m\u202e',
  'line\r\nline\ttab\u2028',
  '漢字 🎉 é́',
  'x'.repeat(300),
];
const anyText = fc.oneof(
  fc.constantFrom(...hostile),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.array(fc.constantFrom(...hostile), { maxLength: 4 }).map((texts) => texts.join('')),
);

const anyChange: fc.Arbitrary<PartChange> = fc
  .tuple(fc.constantFrom('argv', 'env', 'files', 'op', 'chain', 'x'), anyText, anyText, fc.nat(3))
  .map(([part, before, after, kind]): PartChange => {
    const path = [part, before];
    if (kind === 0) return { kind: 'changed', path, before, after };
    if (kind === 1) return { kind: 'added', path, after };
    return kind === 2 ? { kind: 'removed', path, before } : { kind: 'reordered', path };
  });
const created = '2020-02-02T02:02:02.000Z';
const anyReason: fc.Arbitrary<MissReason> = fc.oneof(
  fc.constantFrom<MissReason>({ kind: 'no-cache' }, { kind: 'first-time' }, { kind: 'lost' }),
  fc
    .array(anyChange, { minLength: 1, maxLength: 5 })
    .map((changes): MissReason => ({ kind: 'definition', changes, created })),
  fc.constant<MissReason>({
    kind: 'inputs',
    inputs: [{ index: 0, id: idOf(0), cause: 'definition' }],
    created,
  }),
);
const anyOutlook: fc.Arbitrary<Outlook> = fc.oneof(
  fc.constantFrom<Outlook>(
    { status: 'cached', by: 'content' },
    { status: 'cached', by: 'definition' },
    { status: 'unneeded' },
  ),
  fc
    .record({ status: fc.constantFrom('run', 'maybe'), reason: anyReason })
    .map(({ status, reason }): Outlook => ({ status, reasons: [reason] })),
);
const anyForecast = fc
  .array(
    fc.record({
      name: fc.tuple(fc.constantFrom('[a 1/2] ', '[2/5] ', ''), anyText).map((parts) => parts.join('')),
      stage: fc.oneof(anyText, fc.constantFrom('a', 'b', undefined)),
      outlook: anyOutlook,
      inputs: fc.array(fc.nat(5), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((steps) =>
    forecastOf(
      steps.map((step, index) => ({
        ...step,
        inputs: index === 0 ? [] : step.inputs.map((input) => input % index),
      })),
    ),
  );

describe('whatever a Dockerfile says', () => {
  it('a flowchart has the steps as nodes, their inputs as arrows, and nothing else', () => {
    fc.assert(
      fc.property(anyForecast, (forecast) => expectGraph(readMermaid(mermaidText(forecast)), forecast)),
      runs(300),
    );
  });

  it('a digraph has the steps as nodes, their inputs as arrows, and nothing else', () => {
    fc.assert(
      fc.property(anyForecast, (forecast) => expectGraph(readDot(dotText(forecast)), forecast)),
      runs(300),
    );
  });

  function expectGraph(graph: ReturnType<typeof readDot>, { steps }: BuildForecast): void {
    const names = steps.map(({ name }) => cut(printableLine(name), 80));
    expect([...graph.nodes].toSorted(byNumber).map(([, [first]]) => first)).toEqual(names);
    expect([...graph.nodes.values()].filter((lines) => lines.length !== 2)).toEqual([]);
    const index = new Map(steps.map(({ id }, position) => [id, position]));
    const edges = steps.flatMap(({ inputs }, position) =>
      inputs.map(({ id, role }) => `s${index.get(id)} s${position} ${role}`),
    );
    expect(graph.edges).toEqual(edges);
    const stages = new Set(steps.flatMap(({ stage }) => (stage === undefined ? [] : [printableLine(stage)])));
    expect(new Set(graph.groups)).toEqual(stages);
  }

  function byNumber([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
    return Number(one.slice(1)) - Number(other.slice(1));
  }

  it('JSON gives the names back, and shows a terminal no control character', () => {
    const property = fc.property(anyForecast, (forecast) => {
      const text = planJson(forecast);
      expect(text).not.toMatch(controls);
      const { steps } = JSON.parse(text) as { steps: { name: string; stage: string | null }[] };
      expect(steps.map(({ name }) => name)).toEqual(forecast.steps.map(({ name }) => name));
      expect(steps.map(({ stage }) => stage)).toEqual(forecast.steps.map(({ stage }) => stage ?? null));
    });
    fc.assert(property, runs(300));
  });

  it('the tree has one line a stage, one or two a step, none wider than the terminal', () => {
    const property = fc.property(anyForecast, fc.integer({ min: 60, max: 120 }), (forecast, width) => {
      const text = treeText(forecast, { width, paint: plain });
      expect(text).not.toMatch(controls);
      const lines = text.split('\n').slice(0, -3);
      const steps = lines.filter((line) => /^[├└]─ (cached|unneeded|maybe|run|new) /.test(line));
      const reasons = lines.filter((line) => /^[│ ] {6,}\S/.test(line));
      expect(steps).toHaveLength(forecast.steps.length);
      const stages = new Set(forecast.steps.map(({ stage }) => stage));
      expect(lines.length - steps.length - reasons.length).toBe(stages.size);
      for (const line of [...steps, ...reasons]) expect(displayWidth(line)).toBeLessThanOrEqual(width);
    });
    fc.assert(property, runs(300));
  });
});

describe('why, in words', () => {
  const names = { nameOf: () => '[2/3]', undecided: false };
  const changed = (path: PartChange['path'], before: Json, after: Json): PartChange => ({
    kind: 'changed',
    path,
    before,
    after,
  });
  const definition = (...changes: readonly PartChange[]): MissReason => ({
    kind: 'definition',
    changes,
    created,
  });
  const digests = [digestOf('a'), digestOf('b')] as const;
  const newBase = (before: string, after: string): PartChange => ({
    kind: 'changed',
    path: ['chain'],
    before: digests[0],
    after: digests[1],
    inside: [changed(['base'], before, after)],
  });

  it.each<[string, MissReason]>([
    ['not built before', { kind: 'first-time' }],
    ['made anew: --no-cache', { kind: 'no-cache' }],
    ['its earlier result is no longer in the store', { kind: 'lost' }],
    ['the command was "make"', definition(changed(['argv', 2], 'make', 'make all'))],
    ['the command changed', definition({ kind: 'added', path: ['argv', 1], after: 'x' })],
    ['MODE was "fast", is "slow"', definition(changed(['env', 'MODE'], 'fast', 'slow'))],
    ['MODE is new: "x"', definition({ kind: 'added', path: ['env', 'MODE'], after: 'x' })],
    ['MODE is gone: was "x"', definition({ kind: 'removed', path: ['env', 'MODE'], before: 'x' })],
    ['MODE was "x", is not set', definition(changed(['env', 'MODE'], 'x', ''))],
    ['env is in another order', definition({ kind: 'reordered', path: ['env'] })],
    ['files changed', definition(changed(['files', 0], digests[0], digests[1]))],
    [
      'files changed',
      definition(
        changed(['files', 0], digests[0], digests[1]),
        changed(['files', 1], digests[0], digests[1]),
      ),
    ],
    ['the base image changed', definition(changed(['chain'], digests[0], digests[1]))],
    [
      'the base image changed: debian:12 sha256:ca978112ca1b → sha256:3e23e8160039',
      definition(newBase(`debian:12@${digests[0]}`, `debian:12@${digests[1]}`)),
    ],
    [
      'the base image changed: h:5000/a:1 sha256:ca978112ca1b → debian:12 sha256:3e23e8160039',
      definition(newBase(`h:5000/a:1@${digests[0]}`, `debian:12@${digests[1]}`)),
    ],
    ['chown was not set, is "1:1"', definition(changed(['chown'], null, '1:1'))],
    ['the working directory was "/a", is "/b"', definition(changed(['cwd'], '/a', '/b'))],
    [
      'platform.variant is new: "v8"',
      definition({ kind: 'added', path: ['platform', 'variant'], after: 'v8' }),
    ],
    ['commit was sha256:ca978112ca1b, is sha256:3e23e8160039', definition(changed(['commit'], ...digests))],
    ['constructor was "a", is "b"', definition(changed(['constructor'], 'a', 'b'))],
    [
      'a was 1, is 2; b was 1, is 2; c was 1, is 2; 2 more changes',
      definition(...['a', 'b', 'c', 'd', 'e'].map((name) => changed([name], 1, 2))),
    ],
    [
      'not built before: a COPY or ADD stood here',
      definition(changed(['op'], 'copy', 'run'), { kind: 'added', path: ['argv'], after: ['x'] }),
    ],
    [
      '[2/3] has changed',
      { kind: 'inputs', created, inputs: [{ index: 0, id: idOf(0), cause: 'definition' }] },
    ],
    [
      'takes other files from [2/3]',
      {
        kind: 'inputs',
        created,
        inputs: [{ index: 1, id: idOf(0), cause: 'selector', before: '/a', after: '/b' }],
      },
    ],
  ])('%s', (text, reason) => {
    expect(reasonText([reason], names)).toBe(text);
  });

  it('what is undecided is told with what decides it', () => {
    const inputs = [0, 1].map((index) => ({ index, id: idOf(index), cause: 'definition' as const }));
    const nameOf = (id: Digest): string => (id === idOf(0) ? '[a 1/1]' : '[b 2/3]');
    const options = { nameOf, undecided: true };
    expect(reasonText([{ kind: 'inputs', created, inputs }], options)).toBe(
      'runs if [a 1/1] or [b 2/3] comes out different',
    );
  });

  it('long values are cut', () => {
    const long = 'x'.repeat(200);
    const text = reasonText([definition(changed(['argv', 2], long, 'y'))], names);
    expect(text).toBe(`the command was "${'x'.repeat(58)}…`);
  });
});

describe('cut', () => {
  it.each<[string, number, string]>([
    ['abc', 3, 'abc'],
    ['abcd', 3, 'ab…'],
    ['ab cd', 4, 'ab…'],
    ['漢字', 4, '漢字'],
    ['漢字x', 4, '漢…'],
    ['漢字x', 3, '漢…'],
    ['abc', 0, '…'],
  ])('%j to %i columns is %j', (text, columns, expected) => {
    expect(cut(text, columns)).toBe(expected);
  });
});
