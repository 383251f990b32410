import type { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { PruneOptions } from '../../ops/index.ts';
import { collect, examples, makeCommand } from '../command.ts';
import { isConfirmed } from '../confirm.ts';
import { parseMoment } from '../moment.ts';
import { storeRoot } from '../root.ts';
import { formatSize } from '../table.ts';
import { printableLine } from '../terminal-text.ts';
import { withStore } from '../with-store.ts';

interface PruneFlags {
  readonly all?: boolean;
  readonly filter?: readonly string[];
  readonly keepStorage?: string;
  readonly reservedSpace?: string;
  readonly maxUsedSpace?: string;
  readonly minFreeSpace?: string;
  readonly keepDuration?: string;
  readonly gc?: boolean;
  readonly force?: boolean;
}

export function pruneCommand(): Command {
  const command = makeCommand('prune', 'Remove what the cache holds and no image needs')
    .option('-a, --all', 'cached steps, too, that images stand on: the images stay')
    .option('--filter <name=value>', 'until=24h, type=exec.cachemount, id=…; repeatable', collect)
    .option('--keep-duration <duration>', 'the same as --filter until=')
    .option('--keep-storage <size>', 'the same as --reserved-space')
    .option('--reserved-space <size>', 'leave that much of the cache, what was used last')
    .option('--max-used-space <size>', 'remove only as much as the cache is larger')
    .option('--min-free-space <size>', 'remove only as much as is missing on the disk')
    .option('--gc', 'by the rules of docs/store.md, which leave what is worth keeping: for a timer')
    .option('-f, --force', 'do not ask');
  command.addHelpText(
    'after',
    examples([
      ['tsbuild prune', 'steps that no image stands on, cache mounts, sources'],
      ['tsbuild prune --all --filter until=168h', 'all that was not used for a week'],
      ['tsbuild prune --all --max-used-space 20g', 'the least recently used, down to 20 GB'],
      ['tsbuild prune --filter type=exec.cachemount', 'cache mounts alone'],
      ['tsbuild prune --gc', 'what is old, or more than a tenth of the disk'],
      ['tsbuild builds prune', 'the history of builds, which prune leaves'],
    ]),
  );
  return command.action(async (flags: PruneFlags) => {
    const { storeCare } = await import('../../ops/index.ts');
    const { parsePruneFilters, prune, pruneByDefault } = await storeCare();
    const now = Date.now();
    const until = (text: string): number => parseMoment('--filter until', text, now);
    const age = flags.keepDuration === undefined ? [] : [`until=${flags.keepDuration}`];
    const filter = parsePruneFilters([...(flags.filter ?? []), ...age], until);
    if (flags.gc === true && (flags.all ?? flags.filter ?? flags.keepDuration) !== undefined)
      throw new TsbuildError('USAGE', '--gc goes by rules of its own', {
        hint: 'leave --all, --filter and --keep-duration out',
      });
    const root = storeRoot(command);
    const limits = await limitsOf(flags, root);
    if (!(await isConfirmed(`This removes ${whatGoes(flags)}.`, flags.force))) return;
    const { removed, bytes } = await withStore(root, (store) =>
      flags.gc === true ? pruneByDefault(store, limits) : prune(store, { all: flags.all, filter, ...limits }),
    );
    const lines = removed.map(({ id, text }) => `${id}  ${printableLine(text)}`.trimEnd());
    const heading = lines.length === 0 ? [] : ['Deleted build cache objects:', ...lines, ''];
    process.stdout.write(`${[...heading, `Total reclaimed space: ${formatSize(bytes)}`].join('\n')}\n`);
  });
}

async function limitsOf(
  flags: PruneFlags,
  root: string,
): Promise<Pick<PruneOptions, 'reservedSpace' | 'maxUsedSpace' | 'minFreeSpace'>> {
  if (flags.keepStorage !== undefined && flags.reservedSpace !== undefined)
    throw new TsbuildError('USAGE', '--keep-storage and --reserved-space are two names of one option', {
      hint: 'give one of them',
    });
  const size = async (flag: string, text: string | undefined): Promise<number | undefined> => {
    if (text === undefined) return undefined;
    if (/^0+[a-z]*$/i.test(text)) return 0;
    const percent = /^(\d{1,3}(?:\.\d+)?)%$/.exec(text)?.[1];
    if (percent !== undefined) {
      const { openStore } = await import('../../store/index.ts');
      const { diskSpace } = await import('../../sys/index.ts');
      await using store = await openStore(root);
      return Math.floor((diskSpace(store.root).total * Math.min(100, Number(percent))) / 100);
    }
    const { parseBytes } = await import('../../runtime/index.ts');
    return parseBytes(flag, text);
  };
  return {
    reservedSpace: await size('--reserved-space', flags.reservedSpace ?? flags.keepStorage),
    maxUsedSpace: await size('--max-used-space', flags.maxUsedSpace),
    minFreeSpace: await size('--min-free-space', flags.minFreeSpace),
  };
}

function whatGoes({ all, gc }: PruneFlags): string {
  if (gc === true) return 'build cache that is old, and what is more than its limits';
  return all === true ? 'all build cache that is not in use' : 'all build cache that no image needs';
}
