import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { diffAnswers, type Answer } from '../support/differential/answer.ts';
import { answerTo, prepareArea, type Builder, type PreparedArea } from '../support/differential/builder.ts';
import { readCorpus } from '../support/differential/corpus.ts';
import { fileServer } from '../support/differential/file-server.ts';
import { readIntended } from '../support/differential/intended.ts';
import { formatRecords, readRecords, recordFile, type Recorded } from '../support/differential/record.ts';
import { tsbuildBuilder } from '../support/differential/tsbuild-builder.ts';
import { requires } from '../support/requires.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** `UPDATE_GOLDEN=1` writes our words of refusals into the records, where they stand beside the engine's. */
const update = process.env['UPDATE_GOLDEN'] === '1';
const intended = readIntended();
const corpus = readCorpus();

describe.each(corpus)('$name as engines build it', (area) => {
  requires('root', 'overlay', 'tool:busybox', 'tool:getfattr');
  const records = readRecords(area.name);
  const said = new Map<string, Recorded>();
  let prepared: PreparedArea;
  let builder: Builder;
  let server: Awaited<ReturnType<typeof fileServer>>;

  beforeAll(async () => {
    const { path } = tempFolder(area.name);
    mkdirSync(join(path, 'root'));
    prepared = await prepareArea(area, path);
    builder = tsbuildBuilder(join(path, 'root'));
    await builder.importBase(prepared.baseTar, 'base');
    server = await fileServer();
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    if (!update) return;
    const now = area.cases.flatMap(({ name }) => said.get(name) ?? records.get(name) ?? []);
    writeFileSync(recordFile(area.name), formatRecords(now));
  });

  it.concurrent.each(area.cases)('$title ($name)', async (asked) => {
    const recorded = records.get(asked.name);
    if (recorded === undefined) throw new Error('no answer is recorded: npm run oracle');
    const ours = await answerTo(builder, asked, { prepared, server: server.url });
    if (update) said.set(asked.name, { ...recorded, ours: ours.message });
    const known = intended.get(`${area.name}/${asked.name}`)?.lines ?? [];
    expect(diffAnswers(recorded.lines, ours.lines), sideBySide(recorded, ours)).toEqual(known);
    if (!update) expect(ours.message, 'UPDATE_GOLDEN=1 writes it down').toBe(recorded.ours);
  });
});

describe('the corpus', () => {
  it('is all that answers and intended differences are about', () => {
    const names = corpus.flatMap(({ name, cases }) => cases.map((each) => `${name}/${each.name}`));
    const answered = corpus.flatMap(({ name }) =>
      [...readRecords(name).keys()].map((each) => `${name}/${each}`),
    );
    expect(answered.sort()).toEqual(names.sort());
    expect([...intended.keys()].filter((name) => !names.includes(name))).toEqual([]);
    expect(names.length).toBeGreaterThanOrEqual(120);
  });
});

function sideBySide({ by, lines, theirs }: Recorded, ours: Answer): string {
  const block = (title: string, text: readonly string[], message = ''): string =>
    [`${title}:`, ...text.map((line) => `  ${line}`), `  ${message}`].join('\n');
  return [block(by, lines, theirs), block('tsbuild', ours.lines, ours.message)].join('\n');
}
