import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { doctorJson } from '../../src/cli/doctor/json.ts';
import { doctorText, type Paint } from '../../src/cli/doctor/text.ts';
import { judge, type Facts } from '../../src/ops/index.ts';
import { refusal, rootsFacts, usersFacts } from '../support/doctor-facts.ts';
import { expectGolden } from '../support/golden.ts';
import { projectRoot } from '../support/paths.ts';

const plain: Paint = (_, text) => text;

const eperm = refusal('EPERM');

/** One of each status, and every kind of fix. */
const machines: Readonly<Record<string, Facts>> = {
  'everything-works': rootsFacts(),
  'ubuntu-user': usersFacts({
    system: { name: 'Ubuntu 24.04.1 LTS', families: ['ubuntu', 'debian'], kernel: '6.8.0-45-generic' },
    userNamespace: {
      apparmorRestricts: 1,
      steps: { create: { ok: true }, map: eperm, overlay: undefined, proc: undefined, network: undefined },
    },
    cgroups: { writable: false },
    network: { programs: [] } as never,
  }),
  'root-in-docker': rootsFacts({
    user: { capabilities: ['CAP_CHOWN', 'CAP_SYS_CHROOT'] },
    surroundings: { engine: 'docker', apparmor: 'docker-default (enforce)' },
    seccomp: { filtered: true },
    userNamespace: {
      steps: { create: eperm, map: undefined, overlay: undefined, proc: undefined, network: undefined },
    },
    overlay: { mounted: eperm, singly: false },
    container: {
      namespaces: refusal('RUNTIME_SETUP', 'cannot set up the container (clone): EPERM'),
      chroot: { ok: true },
    },
    cgroups: { writable: false },
    network: { kind: 'bridge', opened: eperm },
    disk: { type: 'overlay' },
  }),
};

describe('B-11 what doctor prints', () => {
  it.each(Object.keys(machines))('for %s', (name) => {
    const facts = machines[name] ?? rootsFacts();
    const folder = join(projectRoot, 'fixtures/cli/doctor');
    const text = (width: number | undefined): string => doctorText(judge(facts), { width, paint: plain });
    expectGolden(join(folder, `${name}.txt`), text(undefined));
    expectGolden(join(folder, `${name}-80.txt`), text(80));
    expectGolden(join(folder, `${name}.json`), doctorJson(judge(facts)));
  });

  it('lines for people fit into the terminal, and commands are never broken', () => {
    const facts = machines['ubuntu-user'] ?? rootsFacts();
    const report = judge(facts);
    const lines = doctorText(report, { width: 80, paint: plain }).split('\n');
    const long = lines.filter((line) => line.length > 80);
    expect(long.filter((line) => !/^ +(?:run|add): /.test(line))).toEqual([]);
    const commands = report.findings.flatMap(({ fixes }) => fixes.filter(({ kind }) => kind === 'command'));
    for (const { text } of commands) expect(lines.filter((line) => line.includes(text))).not.toEqual([]);
  });

  it('what others have written cannot move the cursor', () => {
    const hostile = '\u001b[2Jx\u202e\ny';
    const facts = rootsFacts({
      system: { name: hostile },
      store: { state: 'refused', error: { code: 'STORE_DAMAGED', message: hostile, hint: hostile } },
    });
    const text = doctorText(judge(facts), { width: undefined, paint: plain });
    expect(text).not.toMatch(/[\u001b\u202e]/);
    expect(text.split('\n').filter((line) => line === 'y')).toEqual([]);
  });

  it('every colour stands beside a word', () => {
    const painted: string[] = [];
    const paint: Paint = (look, text) => {
      if (look === 'ok' || look === 'warning' || look === 'error') painted.push(`${look}: ${text.trim()}`);
      return text;
    };
    doctorText(judge(machines['ubuntu-user'] ?? rootsFacts()), { width: undefined, paint });
    expect(painted).toContain('ok: ✓ ok');
    expect(painted).toContain('warning: ! warning');
    expect(painted).toContain('error: ✗ error');
    expect(painted.at(-1)).toBe('error: builds fail here: user namespaces, containers');
  });
});
