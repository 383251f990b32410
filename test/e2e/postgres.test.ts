import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsbuildWithBase, type Tsbuild } from '../support/cli.ts';
import { allGone, holdingsOf, until } from '../support/holdings.ts';
import { monitorOf } from '../support/monitor.ts';
import { projectRoot } from '../support/paths.ts';
import { requires } from '../support/requires.ts';
import { processesOf } from '../support/run-folder.ts';

interface Inspected {
  readonly State: {
    readonly Status: string;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string };
  };
}

/** Processes that write at the same time, each over a connection of its own. */
const writers = [1, 2, 3];

describe('PostgreSQL on a volume', () => {
  requires('root', 'overlay', 'debian-base', 'network:debian');
  let cli: Tsbuild;

  beforeAll(async () => {
    cli = await tsbuildWithBase();
    await cli.ok(['build', '-t', 'postgres', join(projectRoot, 'fixtures/postgres')]);
    const volume = ['-v', 'data:/var/lib/postgresql/data'];
    await cli.ok(['run', '-d', '--name', 'db', '-m', '1g', ...volume, 'postgres']);
    await healthy();
    await cli.ok(['exec', 'db', 'pgbench', '-i', '-q', 'postgres']);
    await sql('create table acknowledged (writer int, n int, primary key (writer, n))');
  });

  const inspect = async (): Promise<Inspected['State']> => {
    const [found] = JSON.parse(await cli.ok(['inspect', 'db'])) as [Inspected];
    return found.State;
  };
  const healthy = async (): Promise<void> => {
    while ((await inspect()).Health?.Status !== 'healthy') await sleep(100);
  };
  const sql = (query: string): Promise<string> =>
    cli.ok(['exec', 'db', 'psql', '-Atq', '-v', 'ON_ERROR_STOP=1', '-c', query]);

  /** Keeps the database busy, and collects what it has said to be committed. */
  function startWriting(from: number): {
    readonly acknowledged: Set<string>;
    readonly over: () => Promise<void>;
  } {
    const acknowledged = new Set<string>();
    const clients: ChildProcess[] = writers.map((writer) => {
      const client = cli.start(['exec', '-i', 'db', 'psql', '-Atq', '-F,']);
      let rest = '';
      client.stdout?.on('data', (chunk: Buffer) => {
        // The end of a line is what says that the line is whole.
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) acknowledged.add(line);
      });
      // PostgreSQL returns what a statement gave after the commit of it.
      const insert = (n: number): string =>
        `insert into acknowledged values (${writer}, ${n}) returning writer, n;\n`;
      client.stdin?.on('error', () => undefined);
      client.stdin?.end(Array.from({ length: 50_000 }, (_, index) => insert(from + index)).join(''));
      return client;
    });
    // What it does in its transactions must be there whole or not at all.
    clients.push(cli.start(['exec', 'db', 'pgbench', '-n', '-c', '4', '-T', '600', 'postgres']));
    const ended = clients.map(async (client) => {
      client.stderr?.resume();
      if (client.exitCode === null) await once(client, 'exit');
      // A client that went well had come to its end before the database was killed.
      expect(client.exitCode).not.toBe(0);
    });
    return {
      acknowledged,
      over: async () => {
        await Promise.all(ended);
      },
    };
  }

  const enough = async (acknowledged: ReadonlySet<string>): Promise<void> => {
    while (acknowledged.size < 500) await sleep(20);
    while (Number(await sql('select count(*) from pgbench_history')) < 100) await sleep(20);
  };

  async function expectNothingLost(acknowledged: ReadonlySet<string>): Promise<void> {
    const kept = new Set((await sql('select writer || $$,$$ || n from acknowledged')).split('\n'));
    expect([...acknowledged].filter((row) => !kept.has(row))).toEqual([]);
    const sums = ['accounts', 'tellers', 'branches'].map(
      (table) => `(select sum(${table.slice(0, 1)}balance) from pgbench_${table})`,
    );
    const whole = `select sum(delta) = all (array[${sums.join(', ')}]) from pgbench_history`;
    expect(await sql(whole)).toBe('t');
  }

  it('S-70 killed under load, it has on its volume all that it acknowledged', async () => {
    const { acknowledged, over } = startWriting(0);
    await enough(acknowledged);
    await cli.ok(['kill', '-s', 'KILL', 'db']);
    await over();
    expect(await cli.ok(['wait', 'db'])).toBe('137');
    expect(await inspect()).toMatchObject({ Status: 'exited', ExitCode: 137, Pid: 0 });

    await cli.ok(['start', 'db']);
    await healthy();
    expect((await cli.run(['logs', 'db'])).stderr).toContain('automatic recovery in progress');
    await expectNothingLost(acknowledged);
  });

  it('S-70 its monitor killed under load, the next command says so, and the volume is whole', async () => {
    const { acknowledged, over } = startWriting(1_000_000);
    await enough(acknowledged);
    const [id = ''] = (await cli.ok(['ps', '-q', '--no-trunc'])).split('\n');
    const held = holdingsOf((await inspect()).Pid);
    process.kill(monitorOf(id), 'SIGKILL');
    // No command in between: the launcher ends what it has started when its monitor is gone.
    await over();
    await allGone(held);
    expect(await inspect()).toMatchObject({ Status: 'dead', ExitCode: 137, Pid: 0 });
    expect(await cli.ok(['ps', '-q'])).toBe('');
    expect(await cli.run(['exec', 'db', 'true'])).toMatchObject({ status: 1 });

    await cli.ok(['start', 'db']);
    await healthy();
    await expectNothingLost(acknowledged);
    await cli.ok(['stop', '-t', '60', 'db']);
    expect(await inspect()).toMatchObject({ Status: 'exited', ExitCode: 0 });
    await cli.ok(['rm', 'db']);
    // Every page against the checksum that it was written with, in a container that is another.
    const check = [
      'run',
      '--rm',
      '-v',
      'data:/var/lib/postgresql/data',
      'postgres',
      'pg_checksums',
      '--check',
    ];
    expect(await cli.ok(check)).toMatch(/^Bad checksums: +0$/m);
    await until(() => processesOf(cli.root).length === 0);
  });
});
