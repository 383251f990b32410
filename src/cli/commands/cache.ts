import { createReadStream } from 'node:fs';
import { addAbortSignal } from 'node:stream';

import { Option, type Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { CacheMount, ExportCachesOptions } from '../../ops/index.ts';
import { writeOutputFile, writeTo } from '../../sys/index.ts';
import { archiveSource } from '../archive-source.ts';
import { collect, examples, makeCommand, rootOption } from '../command.ts';
import { interruptSignal } from '../interrupt.ts';
import { formatOption, printList, type ListFormat } from '../list.ts';
import { storeRoot } from '../root.ts';
import { formatAge, formatSize } from '../table.ts';
import { printableLine } from '../terminal-text.ts';
import { withStore } from '../with-store.ts';

export function cacheCommand(): Command {
  const command = makeCommand('cache', 'Manage cache mounts: what RUN --mount=type=cache keeps')
    .usage('COMMAND [options]')
    .addHelpText(
      'after',
      examples([
        ['tsbuild cache ls', 'what there is'],
        ['tsbuild cache export -o caches.tar.zst', 'all of them into a file, for the next CI job'],
        ['tsbuild cache import caches.tar.zst', 'take them into the store of another machine'],
      ]),
    );
  for (const make of [lsCommand, exportCommand, importCommand, rmCommand])
    command.addCommand(make().addOption(rootOption()));
  return command;
}

function lsCommand(): Command {
  const command = makeCommand('ls', 'List the cache mounts')
    .alias('list')
    .option('-q, --quiet', 'short ids only')
    .addOption(formatOption());
  return command.action(async (flags: { quiet?: boolean; format: ListFormat }) => {
    await withStore(storeRoot(command), async (store) => {
      const { cacheMounts } = await import('../../ops/index.ts');
      const { listCacheMounts, sizeOfCacheMount } = await cacheMounts();
      const caches = await listCacheMounts(store);
      if (flags.quiet === true) {
        process.stdout.write(caches.map(({ shortId }) => `${shortId}\n`).join(''));
        return;
      }
      const now = Date.now();
      printList(flags.format, {
        headings: ['ID', 'CACHE MOUNT', 'SIZE', 'LAST USED', 'IN USE'],
        rows: caches.map((cache) => {
          const [size, used] = [sizeOfCacheMount(cache), new Date(cache.used).toISOString()];
          return {
            cells: [
              cache.shortId,
              printableLine(cache.id),
              formatSize(size),
              formatAge(used, now),
              cache.inUse ? 'yes' : '',
            ],
            json: {
              ID: cache.shortId,
              CacheID: cache.id,
              Size: formatSize(size),
              SizeBytes: size,
              LastUsedAt: used,
              InUse: cache.inUse,
            },
          };
        }),
      });
    });
  });
}

interface ExportFlags {
  readonly id?: readonly string[];
  readonly output?: string;
  readonly compression: 'zstd' | 'gzip' | 'uncompressed';
}

function exportCommand(): Command {
  const command = makeCommand('export', 'Write cache mounts into an archive')
    .option(
      '--id <id>',
      'a cache mount, or the beginning of its short id; repeatable (default: all)',
      collect,
    )
    .option('-o, --output <file>', 'the archive; - is standard output (default: standard output)')
    .addOption(
      new Option('--compression <zstd|gzip|uncompressed>', 'how the tar is compressed')
        .choices(['zstd', 'gzip', 'uncompressed'])
        .default('zstd'),
    )
    .addHelpText(
      'after',
      examples([
        ['tsbuild cache export --id /root/.npm -o npm.tar.zst', 'one of them'],
        ['tsbuild cache export | ssh ci tsbuild cache import', 'from store to store'],
      ]),
    );
  return command.action(async ({ id: ids = [], output, compression }: ExportFlags) => {
    const toStandardOutput = output === undefined || output === '-';
    if (toStandardOutput && process.stdout.isTTY) {
      throw new TsbuildError('USAGE', 'refusing to write an archive to a terminal', {
        hint: 'use -o FILE, or redirect standard output',
      });
    }
    using interrupt = interruptSignal();
    await withStore(storeRoot(command), async (store) => {
      const { cacheMounts } = await import('../../ops/index.ts');
      const { cachesToExport, exportCaches } = await cacheMounts();
      const options: Omit<ExportCachesOptions, 'ids'> = {
        compression: compression === 'uncompressed' ? 'none' : compression,
        signal: interrupt.signal,
        warn,
      };
      // A name that is wrong is told before the file is touched.
      const caches = await cachesToExport(store, { ids, warn });
      const write = (sink: (chunk: Uint8Array) => Promise<void>): Promise<void> =>
        exportCaches(store, caches, sink, options);
      if (toStandardOutput) await write((chunk) => writeTo(process.stdout, chunk));
      else await writeOutputFile(output, write);
    });
  });
}

function importCommand(): Command {
  const command = makeCommand(
    'import',
    'Take cache mounts from an archive, each in place of the one of its id',
  )
    .argument('[file]', 'the archive, plain or compressed; - is standard input (default: standard input)')
    .option('--id <id>', 'the id that its only cache mount gets; any tar will do then')
    .addHelpText(
      'after',
      examples([
        ['tsbuild cache import caches.tar.zst', 'what `tsbuild cache export` wrote'],
        ['tar c -C ~/.npm . | tsbuild cache import --id /root/.npm', 'a folder of this machine'],
      ]),
    );
  return command.action(async (file: string | undefined, { id }: { id?: string }) => {
    if (id === '') throw new TsbuildError('USAGE', '--id: the id is empty');
    const found = archiveSource(file === '-' ? undefined : file, 'name a file, or redirect standard input');
    using interrupt = interruptSignal();
    await withStore(storeRoot(command), async (store) => {
      const { cacheMounts } = await import('../../ops/index.ts');
      const { importCaches } = await cacheMounts();
      // Whoever waits for the next bytes of a pipe looks at no signal. Errors are heard where it is read.
      const source = addAbortSignal(
        interrupt.signal,
        typeof found === 'string' ? createReadStream(found) : found,
      ).on('error', () => undefined);
      const ids = await importCaches(store, source, { id, signal: interrupt.signal, warn });
      process.stdout.write(ids.map((each) => `Imported cache mount: ${printableLine(each)}\n`).join(''));
    });
  });
}

function rmCommand(): Command {
  const command = makeCommand('rm', 'Remove cache mounts that no build uses, with all that is in them')
    .alias('remove')
    .argument('<id...>', 'ids of cache mounts, or beginnings of their short ids');
  return command.action(async (ids: readonly string[]) => {
    await withStore(storeRoot(command), async (store) => {
      const { cacheMounts } = await import('../../ops/index.ts');
      const { removeCacheMounts } = await cacheMounts();
      const { removed, inUse, bytes } = await removeCacheMounts(store, ids);
      process.stdout.write(removed.map((cache) => `Removed: ${shownAs(cache)}\n`).join(''));
      process.stdout.write(`Total reclaimed space: ${formatSize(bytes)}\n`);
      const [first] = inUse;
      if (first === undefined) return;
      throw new TsbuildError('CACHE_IN_USE', `a build that runs uses the cache mount ${shownAs(first)}`, {
        hint: 'remove it when the build has ended',
      });
    });
  });
}

function shownAs({ shortId, id }: CacheMount): string {
  return `${shortId} ${printableLine(id)}`.trimEnd();
}

function warn(message: string): void {
  process.stderr.write(`warning: ${printableLine(message)}\n`);
}
