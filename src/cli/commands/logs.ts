import type { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { ContainerRecord } from '../../ops/index.ts';
import type { Store } from '../../store/index.ts';
import { writeTo } from '../../sys/index.ts';
import { examples, makeCommand } from '../command.ts';
import type { LogQuery } from '../container/log-reader.ts';
import { storeRoot } from '../root.ts';
import { parseMoment } from '../moment.ts';
import { withStore } from '../with-store.ts';

interface LogsFlags {
  readonly follow?: boolean;
  readonly tail?: string;
  readonly since?: string;
  readonly until?: string;
  readonly timestamps?: boolean;
}

export function logsCommand(): Command {
  const command = makeCommand('logs', 'Print the output of a container that runs or ran in the background')
    .argument('<container>', 'name or id')
    .option('-f, --follow', 'go on with what it prints from now on, until it ends')
    .option('-n, --tail <number|all>', 'the last so many lines only', 'all')
    .option('--since <time>', 'from then on; a date, or as long ago as 10m')
    .option('--until <time>', 'up to then')
    .option('-t, --timestamps', 'with the time before each line')
    .addHelpText('after', examples([['tsbuild logs -f --tail 20 web', 'the last lines, and what comes']]));
  return command.action(async (name: string, flags: LogsFlags) => {
    const now = Date.now();
    const query: LogQuery = {
      tail: tailOf(flags.tail),
      since: flags.since === undefined ? undefined : parseMoment('--since', flags.since, now),
      until: flags.until === undefined ? undefined : parseMoment('--until', flags.until, now),
    };
    await withStore(storeRoot(command), async (store) => {
      const { findContainer } = await import('../../ops/index.ts');
      const record = findContainer(store, name);
      await using end = flags.follow === true ? await endOf(store, record) : undefined;
      await printLog(store, record, { ...query, follow: end?.signal, times: flags.timestamps === true });
    });
  });
}

async function printLog(
  store: Store,
  record: ContainerRecord,
  { times, ...query }: LogQuery & { readonly times: boolean },
): Promise<void> {
  const { containerFolder } = await import('../../ops/index.ts');
  const { hasLog, readLog } = await import('../container/log-reader.ts');
  const folder = containerFolder(store, record.id);
  if (record.spec.stdio !== 'pipe' && !hasLog(folder)) {
    process.stderr.write(`${record.name} has no log: it was not started in the background\n`);
    return;
  }
  for await (const { log, stream, time } of readLog(folder, query)) {
    const line = times ? `${time} ${log}` : log;
    await writeTo(stream === 'stderr' ? process.stderr : process.stdout, line);
  }
}

/** Aborted when the container has ended with all that it printed; at once when it does not run. */
async function endOf(
  store: Store,
  record: ContainerRecord,
): Promise<{ readonly signal: AbortSignal } & AsyncDisposable> {
  const { waitForEnd } = await import('../container/end.ts');
  const controller = new AbortController();
  // Whoever it waits for may be asked again by the next command; here an end of any kind is one.
  void waitForEnd(store, record)
    .catch(() => undefined)
    .then(() => controller.abort());
  return { signal: controller.signal, [Symbol.asyncDispose]: async () => controller.abort() };
}

function tailOf(text: string | undefined): number | undefined {
  if (text === undefined || text === 'all') return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new TsbuildError('USAGE', `--tail: invalid value ${JSON.stringify(text)}`, {
    hint: 'expected a number of lines, or all',
  });
}
