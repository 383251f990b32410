import { Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import type { ImageRow } from '../../image/index.ts';
import { formatOption, printList, type ListFormat } from '../list.ts';
import { storeRoot } from '../root.ts';
import { formatAge, formatSize, shortId } from '../table.ts';
import { withStore } from '../with-store.ts';

export function imagesCommand(): Command {
  const command = new Command('images')
    .description('list images')
    .option('--root <dir>', 'folder of the store');
  command.option('-q, --quiet', 'ids only').option('--no-trunc', 'whole ids').addOption(formatOption());
  return command.action(async (flags: { quiet?: boolean; trunc: boolean; format: ListFormat }) => {
    const rows = await withStore(storeRoot(command), async (store) => {
      const { listImages } = await import('../../image/index.ts');
      return listImages(store);
    });
    const { familiarName, parseReference, repositoryName } = await import('../../oci/index.ts');
    const idOf = (row: ImageRow): string => (flags.trunc ? shortId(row.id) : row.id);
    if (flags.quiet === true) {
      process.stdout.write([...new Set(rows.map(idOf))].map((id) => `${id}\n`).join(''));
      return;
    }
    const now = Date.now();
    const listed = rows.flatMap((row) =>
      (row.names.length > 0 ? row.names : [undefined]).map((name) => ({ row, name })),
    );
    printList(flags.format, {
      headings: ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE'],
      rows: listed.map(({ row, name }) => {
        const reference = name === undefined ? undefined : parseReference(name);
        const repository =
          reference === undefined
            ? '<none>'
            : familiarName(repositoryName(reference)).replace(/:latest$/, '');
        const tag = reference?.tag ?? '<none>';
        const [age, size] = [formatAge(row.created, now), formatSize(row.size)];
        return {
          cells: [repository, tag, idOf(row), age, size],
          json: {
            Repository: repository,
            Tag: tag,
            ID: idOf(row),
            Digest: row.manifest.digest,
            CreatedAt: row.created ?? 'N/A',
            CreatedSince: age,
            Size: size,
          },
        };
      }),
    });
  });
}

export function tagCommand(): Command {
  const command = new Command('tag')
    .description('give an image a further name')
    .option('--root <dir>', 'folder of the store');
  return command
    .argument('<image>', 'name or id')
    .argument('<name>', 'the new name')
    .action(async (image: string, name: string) => {
      await withStore(storeRoot(command), async (store) => {
        const { tagImage } = await import('../../image/index.ts');
        await tagImage(store, image, name);
      });
    });
}

export function rmiCommand(): Command {
  const command = new Command('rmi')
    .description('remove images, or names of images')
    .option('--root <dir>', 'folder of the store');
  command
    .option('-f, --force', 'remove all names of an id, and images of stopped containers')
    .argument('<image...>', 'names or ids');
  return command.action(async (images: readonly string[], flags: { force?: boolean }) => {
    await withStore(storeRoot(command), async (store) => {
      const { removeImage } = await import('../../image/index.ts');
      const { familiarName } = await import('../../oci/index.ts');
      const { imageUse, liveItems } = await import('../../ops/index.ts');
      const { collectGarbage } = await import('../../store/index.ts');
      for (const image of images) {
        const removed = await removeImage(store, image, {
          force: flags.force,
          inUse: (id) => imageUse(store, id),
        });
        const lines = [
          ...removed.untagged.map((name) => `Untagged: ${familiarName(name)}`),
          ...removed.deleted.map((id) => `Deleted: ${id}`),
        ];
        process.stdout.write(lines.map((line) => `${line}\n`).join(''));
      }
      await collectGarbage(store, { liveItems: () => liveItems(store) });
    });
  });
}

export function historyCommand(): Command {
  const command = new Command('history')
    .description('show how an image was made')
    .option('--root <dir>', 'folder of the store');
  command
    .argument('<image>', 'name or id')
    .option('--no-trunc', 'whole lines')
    .option('-q, --quiet', 'ids only')
    .addOption(formatOption());
  return command.action(
    async (name: string, flags: { trunc: boolean; quiet?: boolean; format: ListFormat }) => {
      await withStore(storeRoot(command), async (store) => {
        const { imageHistory, loadImage } = await import('../../image/index.ts');
        const rows = imageHistory(await loadImage(store, name));
        const idOf = (id: string | undefined): string =>
          id === undefined ? '<missing>' : flags.trunc ? shortId(id) : id;
        if (flags.quiet === true) {
          process.stdout.write(rows.map(({ id }) => `${idOf(id)}\n`).join(''));
          return;
        }
        const now = Date.now();
        printList(flags.format, {
          headings: ['IMAGE', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'],
          rows: rows.map((row) => {
            const by =
              flags.trunc && row.createdBy.length > 45 ? `${row.createdBy.slice(0, 44)}…` : row.createdBy;
            const [age, size] = [formatAge(row.created, now), formatSize(row.size)];
            return {
              cells: [idOf(row.id), age, by.replaceAll(/\s+/g, ' '), size, row.comment],
              json: {
                ID: idOf(row.id),
                CreatedAt: row.created ?? 'N/A',
                CreatedSince: age,
                CreatedBy: by,
                Size: size,
                Comment: row.comment,
              },
            };
          }),
        });
      });
    },
  );
}

export function inspectCommand(): Command {
  const command = new Command('inspect')
    .description('show all of an image or a container as JSON')
    .option('--root <dir>', 'folder of the store');
  command.argument('<name...>', 'images or containers').addOption(formatOption().default('json'));
  return command.action(async (names: readonly string[]) => {
    const found = await withStore(storeRoot(command), async (store) => {
      const { findImage, inspectImage, listImages, openImage } = await import('../../image/index.ts');
      const { inspectContainer } = await import('../../ops/index.ts');
      const rows = await listImages(store);
      const result = [];
      for (const name of names) {
        const container = await inspectContainer(store, name);
        const image = container === undefined ? await findImage(store, name) : undefined;
        if (container === undefined && image === undefined) {
          throw new TsbuildError('IMAGE_NOT_FOUND', `no such image or container: ${name}`, {
            hint: 'tsbuild images and tsbuild ps -a list what there is',
          });
        }
        const row = rows.find(({ id }) => id === image?.id);
        result.push(
          container ??
            (image &&
              inspectImage(await openImage(store, image.manifest), row ?? { names: [], repoDigests: [] })),
        );
      }
      return result;
    });
    process.stdout.write(`${JSON.stringify(found, undefined, 2)}\n`);
  });
}
