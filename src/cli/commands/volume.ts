import type { Command } from 'commander';

import { TsbuildError, type Json } from '../../core/index.ts';
import type { VolumeRecord } from '../../ops/index.ts';
import type { Store } from '../../store/index.ts';
import { collect, examples, makeCommand, rootOption } from '../command.ts';
import { forEachName } from '../each-name.ts';
import { formatOption, printList, type ListFormat } from '../list.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';
import { parseLabels } from '../run-values.ts';
import { formatSize } from '../table.ts';
import { withStore } from '../with-store.ts';

export function volumeCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('volume', 'Manage volumes: folders that outlive containers')
    .usage('COMMAND [options]')
    .addHelpText(
      'after',
      examples([
        ['tsbuild run -v db:/var/lib/db app', 'makes the volume db, filled from the image'],
        ['tsbuild volume ls', 'what there is'],
        ['tsbuild volume prune --all', 'remove those that no container uses'],
      ]),
    );
  for (const make of [createCommand, lsCommand, inspectCommand, rmCommand, pruneCommand])
    command.addCommand(make(status).addOption(rootOption()));
  return command;
}

function createCommand(): Command {
  const command = makeCommand('create', 'Make a volume, and print its name')
    .argument('[name]', 'letters, digits, _ . and - (default: a random one)')
    .option('-l, --label <name[=value]>', 'label; repeatable', collect);
  return command.action(async (name: string | undefined, flags: { label?: readonly string[] }) => {
    const { anonymousName, checkVolumeName, ensureVolume, volumeLock } = await import('../../ops/index.ts');
    const own = name === undefined ? anonymousName() : checkVolumeName(name);
    const labels = parseLabels('--label', flags.label ?? []);
    await withStore(storeRoot(command), async (store) => {
      await using _lock = await volumeLock(store, own);
      ensureVolume(store, { name: own, labels, anonymous: name === undefined });
    });
    process.stdout.write(`${own}\n`);
  });
}

function lsCommand(): Command {
  const command = makeCommand('ls', 'List the volumes')
    .alias('list')
    .option('-q, --quiet', 'names only')
    .addOption(formatOption());
  return command.action(async (flags: { quiet?: boolean; format: ListFormat }) => {
    await withStore(storeRoot(command), async (store) => {
      const { listVolumes } = await import('../../ops/index.ts');
      const volumes = listVolumes(store);
      if (flags.quiet === true) {
        process.stdout.write(volumes.map(({ name }) => `${name}\n`).join(''));
        return;
      }
      const { volumeData } = await import('../../ops/index.ts');
      printList(flags.format, {
        headings: ['DRIVER', 'VOLUME NAME'],
        rows: volumes.map(({ name, labels }) => ({
          cells: ['local', name],
          json: {
            Driver: 'local',
            Name: name,
            Labels: Object.entries(labels)
              .map(([key, value]) => `${key}=${value}`)
              .join(),
            Mountpoint: volumeData(store, name),
            Scope: 'local',
          },
        })),
      });
    });
  });
}

function inspectCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('inspect', 'Show all about volumes, as JSON').argument(
    '<volume...>',
    'names of volumes',
  );
  return command.action(async (names: readonly string[]) => {
    const found: Json[] = [];
    await withStore(storeRoot(command), async (store) => {
      const { findVolume } = await import('../../ops/index.ts');
      const { volumeData } = await import('../../ops/index.ts');
      await forEachName(names, status, async (name) => {
        found.push(volumeJson(findVolume(store, name), volumeData(store, name)));
      });
    });
    process.stdout.write(`${JSON.stringify(found, undefined, 2)}\n`);
  });
}

/** Under docker's names. */
function volumeJson({ name, created, labels, anonymous }: VolumeRecord, mountpoint: string): Json {
  return {
    CreatedAt: created,
    Driver: 'local',
    Labels: { ...labels, ...(anonymous && { 'com.docker.volume.anonymous': '' }) },
    Mountpoint: mountpoint,
    Name: name,
    Options: {},
    Scope: 'local',
  };
}

function rmCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('rm', 'Remove volumes that no container uses, with all that is in them')
    .alias('remove')
    .argument('<volume...>', 'names of volumes')
    .option('-f, --force', 'no error for one that does not exist');
  return command.action(async (names: readonly string[], flags: { force?: boolean }) => {
    const { removeVolume } = await import('../../ops/index.ts');
    await withStore(storeRoot(command), (store) =>
      forEachName(names, status, async (name) => {
        await removeVolume(store, name).catch((error: unknown) => {
          const isMissing = error instanceof TsbuildError && error.code === 'VOLUME_NOT_FOUND';
          if (flags.force !== true || !isMissing) throw error;
        });
        process.stdout.write(`${name}\n`);
      }),
    );
  });
}

function pruneCommand(): Command {
  const command = makeCommand('prune', 'Remove the volumes without a name that no container uses')
    .option('-a, --all', 'those with a name, too')
    .option('-f, --force', 'without effect: nothing is asked');
  return command.action(async (flags: { all?: boolean }) => {
    await withStore(storeRoot(command), (store) => prune(store, flags.all === true));
  });
}

async function prune(store: Store, all: boolean): Promise<void> {
  const { pruneVolumes } = await import('../../ops/index.ts');
  const { names, bytes } = await pruneVolumes(store, { all });
  const lines = names.length === 0 ? [] : ['Deleted Volumes:', ...names, ''];
  process.stdout.write(`${[...lines, `Total reclaimed space: ${formatSize(bytes)}`].join('\n')}\n`);
}
