import type { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { ImageRow } from '../../image/index.ts';
import { examples, makeCommand } from '../command.ts';
import { addCredsOption } from '../creds-flag.ts';
import { forEachName } from '../each-name.ts';
import { formatOption, printList, type ListFormat } from '../list.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';
import { formatAge, formatSize, shortId } from '../table.ts';
import { withStore } from '../with-store.ts';
import { removeRemote } from './tags.ts';

interface ImagesFlags {
  readonly quiet?: boolean;
  readonly trunc: boolean;
  readonly format: ListFormat;
}

export function imagesCommand(): Command {
  const command = makeCommand('images', 'List the images of the store, newest first')
    .option('-q, --quiet', 'ids only')
    .option('--no-trunc', 'whole ids')
    .addOption(formatOption());
  return command.action(async (flags: ImagesFlags) => {
    const rows = await withStore(storeRoot(command), async (store) => {
      const { listImages } = await import('../../image/index.ts');
      return listImages(store);
    });
    const idOf = (row: ImageRow): string => (flags.trunc ? shortId(row.id) : row.id);
    if (flags.quiet === true) {
      process.stdout.write(rows.map((row) => `${idOf(row)}\n`).join(''));
      return;
    }
    const { familiarName, formatPlatform, normalizePlatform, parseReference, repositoryName } =
      await import('../../oci/index.ts');
    const repositoryAndTag = (name: string | undefined): readonly [string, string] => {
      if (name === undefined) return ['<none>', '<none>'];
      const reference = parseReference(name);
      return [familiarName(repositoryName(reference)), reference.tag ?? '<none>'];
    };
    const now = Date.now();
    const named = rows.flatMap((row) =>
      (row.names.length > 0 ? row.names : [undefined]).map((name) => ({ row, name })),
    );
    // Where a name stands for several images, lines of one name are told apart.
    const several = new Set(named.flatMap(({ name }) => name ?? [])).size < named.filter(hasName).length;
    const platformOf = ({ platform }: ImageRow): string =>
      platform === undefined ? '<none>' : formatPlatform(normalizePlatform(platform));
    printList(flags.format, {
      headings: ['REPOSITORY', 'TAG', ...(several ? ['PLATFORM'] : []), 'IMAGE ID', 'CREATED', 'SIZE'],
      rows: named.map(({ row, name }) => {
        const [repository, tag] = repositoryAndTag(name);
        const [age, size] = [formatAge(row.created, now), formatSize(row.size)];
        return {
          cells: [repository, tag, ...(several ? [platformOf(row)] : []), idOf(row), age, size],
          json: {
            Repository: repository,
            Tag: tag,
            ID: idOf(row),
            Digest: row.manifest.digest,
            CreatedAt: row.created ?? 'N/A',
            CreatedSince: age,
            Size: size,
            Platform: platformOf(row),
          },
        };
      }),
    });
  });
}

function hasName({ name }: { readonly name: string | undefined }): boolean {
  return name !== undefined;
}

export function tagCommand(): Command {
  const command = makeCommand('tag', 'Give an image a further name')
    .argument('<image>', 'name or id')
    .argument('<name>', 'the new name; another image that has it loses it');
  return command.action(async (image: string, name: string) => {
    await withStore(storeRoot(command), async (store) => {
      const { tagImage } = await import('../../image/index.ts');
      await tagImage(store, image, name);
    });
  });
}

interface RmiFlags {
  readonly force?: boolean;
  readonly remote?: boolean;
  readonly creds?: string;
}

export function rmiCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('rmi', 'Remove names of images, and an image with its last name')
    .argument('<image...>', 'names or ids')
    .option('-f, --force', 'all names of an id, and images of stopped containers')
    .option('--remote', 'of the registries of the names instead: NAME:TAG, or NAME@DIGEST with all its tags')
    .addHelpText(
      'after',
      examples([
        ['tsbuild rmi app:1', 'remove the name, and what only it led to'],
        [
          'tsbuild rmi --remote ghcr.io/team/app:1',
          'delete the tag in the registry; the store stays as it is',
        ],
      ]),
    );
  return addCredsOption(command).action(async (images: readonly string[], flags: RmiFlags) => {
    if (flags.remote === true) return removeRemote(images, status, flags);
    if (flags.creds !== undefined) throw new TsbuildError('USAGE', '--creds goes with --remote');
    await withStore(storeRoot(command), async (store) => {
      const { removeImage } = await import('../../image/index.ts');
      const { familiarName } = await import('../../oci/index.ts');
      const { imageUse, rootsOf } = await import('../../ops/index.ts');
      const { collectGarbage } = await import('../../store/index.ts');
      await forEachName(images, status, async (image) => {
        const removed = await removeImage(store, image, {
          force: flags.force,
          inUse: (id) => imageUse(store, id),
        });
        const lines = [
          ...removed.untagged.map((name) => `Untagged: ${familiarName(name)}`),
          ...removed.deleted.map((id) => `Deleted: ${id}`),
        ];
        process.stdout.write(lines.map((line) => `${line}\n`).join(''));
      });
      await collectGarbage(store, { liveItems: rootsOf(store) });
    });
  });
}
