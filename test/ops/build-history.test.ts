import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf, TsbuildError, type BuildEvent } from '../../src/core/index.ts';
import {
  defaultHistoryLimits,
  findBuild,
  keepHistory,
  pastBuilds,
  pruneHistory,
  readStepLog,
  scopeOf,
} from '../../src/ops/index.ts';
import { tempFolder } from '../support/temp-folder.ts';

const day = 86_400_000;
const start = Date.UTC(2026, 0, 1);
const step = { id: digestOf('step'), name: '[1/1] RUN make' };
const description = { file: '/app/Dockerfile', context: '/app', platforms: ['linux/amd64'], tags: ['app'] };
const unlimited = { builds: 1000, age: Infinity, bytes: Infinity };

/** A build of that day that prints this. */
function aBuild(root: string, days: number, printed: readonly string[] = []): void {
  const started = new Date(start + days * day);
  using history = keepHistory(root, { started, emit: () => undefined, limits: unlimited });
  for (const text of printed)
    history.emit({ type: 'step-log', step, stream: 'stdout', data: Buffer.from(text), time: 0 });
  const report = { ...step, status: 'done', milliseconds: 5 } as const;
  history.end(description, { image: digestOf('image'), steps: [report] });
}

const days = (root: string): readonly number[] =>
  pastBuilds(root).map(({ entry }) => (entry.started - start) / day);

describe('the history of builds', () => {
  it('O-22 C-77 keeps how a build went and all that it printed, and passes its events on', async () => {
    const { path: root } = tempFolder('history');
    const seen: BuildEvent[] = [];
    using history = keepHistory(root, {
      started: new Date(start),
      emit: (event) => seen.push(event),
      limits: unlimited,
    });
    for (const [stream, text] of [
      ['stdout', 'one\n'],
      ['stderr', 'two'],
    ] as const)
      history.emit({ type: 'step-log', step, stream, data: Buffer.from(text), time: 0 });
    expect(seen).toHaveLength(2);
    const error = new TsbuildError('RUN_FAILED', 'exit status 1');
    const steps = [{ ...step, status: 'failed', milliseconds: 7 } as const];
    history.end({ ...description, context: 'https://me:secret@example.com/app.git' }, { error, steps });

    const found = findBuild(root);
    expect(found.build).toMatchObject({
      context: 'https://xxxxx@example.com/app.git',
      started: '2026-01-01T00:00:00.000Z',
      error: { code: 'RUN_FAILED', message: 'exit status 1' },
      steps: [{ name: step.name, status: 'failed', milliseconds: 7 }],
    });
    expect(findBuild(root, found.build.id.slice(0, 4)).build.id).toBe(found.build.id);
    expect(() => findBuild(root, 'none')).toThrow('no build none is kept');
    const [kept = { name: '', status: 'done', milliseconds: 0 }] = found.build.steps;
    const chunks: Uint8Array[] = [];
    for await (const chunk of readStepLog(found, kept)) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('one\ntwo');
    // What a step prints may be for nobody else's eyes.
    expect(statSync(found.entry.path).mode & 0o777).toBe(0o700);
    for (const file of ['build.json', '1.log'])
      expect(statSync(join(found.entry.path, file)).mode & 0o777).toBe(0o600);
  });

  it('O-22 C-77 keeps of one build no more than of all', () => {
    const { path: root } = tempFolder('history');
    const limits = { ...unlimited, bytes: 10 };
    using history = keepHistory(root, { started: new Date(start), emit: () => undefined, limits });
    const print = (name: string, text: string): void =>
      history.emit({
        type: 'step-log',
        step: { ...step, id: digestOf(name) },
        stream: 'stdout',
        data: Buffer.from(text),
        time: 0,
      });
    for (const name of ['one', 'two', 'one', 'three', 'two']) print(name, `${name.padEnd(5)}\n`);
    history.end(description, { image: digestOf('image'), steps: [] });
    const path = pastBuilds(root)[0]?.entry.path ?? '';
    const more = /\n\[more than .* MiB in this build: not kept\]\n$/;
    const kept = ['1.log', '2.log', '3.log'].map((name) =>
      readFileSync(join(path, name), 'utf8').split(more),
    );
    expect(kept).toEqual([
      ['one  \n', ''],
      ['two ', ''],
      ['', ''],
    ]);
  });

  it('O-22 C-77 forgets by number, by age and by size, the oldest first', () => {
    const { path: root } = tempFolder('history');
    for (const [index, printed] of [[], ['x'.repeat(5000)], [], ['y'.repeat(5000)], []].entries())
      aBuild(root, index, printed);
    const now = start + 4 * day;
    expect(days(root)).toEqual([4, 3, 2, 1, 0]);
    pruneHistory(root, { ...unlimited, age: 3.5 * day }, { now, countBytes: false });
    expect(days(root)).toEqual([4, 3, 2, 1]);
    pruneHistory(root, { ...unlimited, bytes: 8000 }, { now, countBytes: false });
    expect(days(root)).toEqual([4, 3, 2, 1]);
    pruneHistory(root, { ...unlimited, bytes: 8000 }, { now, countBytes: true });
    expect(days(root)).toEqual([4, 3, 2]);
    pruneHistory(root, { ...unlimited, builds: 1 }, { now, countBytes: false });
    expect(days(root)).toEqual([4]);
    expect(
      pruneHistory(root, { ...defaultHistoryLimits, builds: 0 }, { now, countBytes: false }),
    ).toHaveLength(1);
    expect(readdirSync(join(root, 'history'))).toEqual([]);
  });

  it('O-22 passes over what a killed build or a crash left, and forgets it in its turn', () => {
    const { path: root } = tempFolder('history');
    aBuild(root, 1);
    for (const [name, files] of [
      ['20260103T000000000-0000aa', {}],
      ['20260104T000000000-0000bb', { 'build.json': '{"file":"/a' }],
      ['20260105T000000000-0000cc', { 'build.json': '{}' }],
      ['notes', {}],
    ] as const) {
      mkdirSync(join(root, 'history', name));
      for (const [file, text] of Object.entries(files))
        writeFileSync(join(root, 'history', name, file), text);
    }
    expect(days(root)).toEqual([1]);
    pruneHistory(root, { ...unlimited, builds: 0 }, { now: start, countBytes: true });
    expect(readdirSync(join(root, 'history'))).toEqual(['notes']);
  });

  it('O-22 leaves alone what builds that run have written', () => {
    const { path: root } = tempFolder('history');
    const none = { ...unlimited, builds: 0 };
    const options = { started: new Date(start), emit: () => undefined, limits: unlimited };
    const data = Buffer.from('x');
    {
      using history = keepHistory(root, options);
      history.emit({ type: 'step-log', step, stream: 'stdout', data, time: 0 });
      expect(pruneHistory(root, none, { now: start, countBytes: true })).toEqual([]);
      history.end(description, { steps: [] });
    }
    expect(days(root)).toEqual([0]);
    expect(pruneHistory(root, none, { now: start, countBytes: true })).toHaveLength(1);
  });

  it.each([
    [new Error('no idea'), { code: 'INTERNAL', message: 'no idea' }],
    [Object.assign(new Error('full'), { code: 'ENOSPC' }), { code: 'DISK_FULL' }],
  ])('O-22 tells of a build that ended with %s', (error, told) => {
    const { path: root } = tempFolder('history');
    using history = keepHistory(root, { started: new Date(start), emit: () => undefined, limits: unlimited });
    history.end(description, { image: digestOf('image'), error, steps: [] });
    expect(findBuild(root).build).toMatchObject({ image: digestOf('image'), error: told });
  });

  it('S-61 names builds without the credentials in an address', () => {
    const named = scopeOf(
      'https://me:secret@example.com/Dockerfile',
      'https://token@example.com/app.git#main',
    );
    expect(named).toEqual({
      file: 'https://xxxxx@example.com/Dockerfile',
      context: 'https://xxxxx@example.com/app.git#main',
    });
  });

  it('O-22 never fails a build, and keeps nothing when told so', () => {
    const { path: root } = tempFolder('history');
    writeFileSync(join(root, 'history'), 'a file in its place');
    aBuild(root, 1, ['x']);
    expect(readFileSync(join(root, 'history'), 'utf8')).toBe('a file in its place');
    const other = tempFolder('history').path;
    using history = keepHistory(other, {
      started: new Date(start),
      emit: () => undefined,
      limits: { ...unlimited, builds: 0 },
    });
    history.emit({ type: 'step-log', step, stream: 'stdout', data: Buffer.from('x'), time: 0 });
    history.end(description, { steps: [] });
    expect(existsSync(join(other, 'history'))).toBe(false);
  });
});
