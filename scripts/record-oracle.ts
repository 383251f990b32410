import { mkdirSync, readFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDockerEngine } from '../test/support/docker-engine.ts';
import { diffAnswers, type Answer } from '../test/support/differential/answer.ts';
import {
  answerTo,
  prepareArea,
  type Builder,
  type PreparedArea,
} from '../test/support/differential/builder.ts';
import { readCorpus, type Area, type Case } from '../test/support/differential/corpus.ts';
import { dockerBuilder } from '../test/support/differential/docker-builder.ts';
import { fileServer } from '../test/support/differential/file-server.ts';
import {
  formatRecords,
  readRecords,
  recordFile,
  type Recorded,
} from '../test/support/differential/record.ts';
import { clearFolder, makeRunFolder } from '../test/support/run-folder.ts';

/** Answers the corpus with real engines: the oracle first, then those that tests can ask on any machine. */
async function record(programs: string, wanted: readonly string[], folder: string): Promise<void> {
  await using oracle = await startDockerEngine(join(folder, 'oracle'), { programs });
  await using system = await startDockerEngine(join(folder, 'system'));
  await using server = await fileServer();
  const builders = [
    await dockerBuilder(oracle, 'buildkit'),
    await dockerBuilder(system, 'buildkit'),
    await dockerBuilder(system, 'classic'),
  ];
  for (const area of readCorpus()) {
    const chosen = area.cases.filter((each) => isWanted(area, each, wanted));
    if (chosen.length === 0) continue;
    mkdirSync(join(folder, area.name));
    const prepared = await prepareArea(area, join(folder, area.name));
    for (const builder of builders) await builder.importBase(prepared.baseTar, 'base');
    const records = readRecords(area.name);
    for (const asked of chosen) {
      const before = records.get(asked.name);
      if (asked.byHand) continue;
      const name = `${area.name}/${asked.name}`;
      try {
        const now = await recordOf(asked, before, { builders, prepared, server: server.url });
        records.set(asked.name, now);
        tell(name, before, now);
      } catch (error) {
        console.error(`failed   ${name}: ${String(error)}`);
        process.exitCode = 1;
      }
    }
    const kept = area.cases.flatMap(({ name }) => records.get(name) ?? []);
    writeIfChanged(recordFile(area.name), formatRecords(kept));
  }
}

interface Asking {
  readonly builders: readonly Builder[];
  readonly prepared: PreparedArea;
  readonly server: string;
}

async function recordOf(asked: Case, before: Recorded | undefined, asking: Asking): Promise<Recorded> {
  const [oracle, ...others] = asking.builders;
  if (oracle === undefined) throw new Error('no builder');
  const [answer, theirs] = await Promise.all([
    answerTo(oracle, asked, asking),
    answersOf(others, asked, asking),
  ]);
  return {
    name: asked.name,
    by: oracle.name,
    same: theirs
      .filter(([, { lines }]) => diffAnswers(lines, answer.lines).length === 0)
      .map(([name]) => name),
    lines: answer.lines,
    theirs: answer.message,
    // Ours is kept by the tests.
    ours: before?.ours,
  };
}

/** One after the other: two builders of one engine give their images the same names. */
async function answersOf(
  builders: readonly Builder[],
  asked: Case,
  asking: Asking,
): Promise<(readonly [string, Answer])[]> {
  const answers: (readonly [string, Answer])[] = [];
  for (const builder of builders) {
    // Old builders lack much of the language: that they cannot answer says nothing.
    const answer = await answerTo(builder, asked, asking).catch((): Answer => ({ lines: [] }));
    answers.push([builder.name, answer]);
  }
  return answers;
}

function isWanted(area: Area, asked: Case, wanted: readonly string[]): boolean {
  return wanted.length === 0 || wanted.includes(area.name) || wanted.includes(`${area.name}/${asked.name}`);
}

function tell(name: string, before: Recorded | undefined, now: Recorded): void {
  if (before === undefined) {
    console.log(`new      ${name}`);
    return;
  }
  const changes = diffAnswers(before.lines, now.lines);
  const others = before.same.join() === now.same.join() ? [] : [`  same: ${now.same.join(', ')}`];
  if (changes.length + others.length === 0) return;
  console.log([`changed  ${name}`, ...changes.map((line) => `  ${line}`), ...others].join('\n'));
}

function writeIfChanged(file: string, text: string): void {
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text);
}

const [programs = '', ...wanted] = process.argv.slice(2);
const folder = await makeRunFolder('/tmp/tsbuild-oracle-');
try {
  await record(programs, wanted, folder);
} finally {
  await clearFolder(folder);
}
