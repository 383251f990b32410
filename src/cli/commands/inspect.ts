import { Option, type Command } from 'commander';

import { TsbuildError, type Json } from '../../core/index.ts';
import type { Platform } from '../../oci/types.ts';
import type { Store } from '../../store/index.ts';
import { makeCommand } from '../command.ts';
import { forEachName } from '../each-name.ts';
import { addImagePlatformOption, imagePlatform } from '../image-platform.ts';
import { interruptSignal } from '../interrupt.ts';
import type { ExitStatusHolder } from '../program.ts';
import { storeRoot } from '../root.ts';
import { withStore } from '../with-store.ts';

interface InspectFlags {
  readonly format?: 'json';
  readonly attestations?: true;
  readonly platform?: string;
}

export function inspectCommand(status: ExitStatusHolder): Command {
  const command = makeCommand('inspect', 'Show all about images or containers, as JSON')
    .argument('<name...>', 'names or ids; a container goes before an image of the same name')
    .option(
      '--attestations',
      'provenance and SBOMs of images instead: what the store keeps of a build, else what the registry has',
    )
    .addOption(new Option('--format <json>', 'one JSON object a line, instead of a list').choices(['json']));
  addImagePlatformOption(command, 'of images for several platforms the one for this, as linux/arm64');
  return command.action(async (names: readonly string[], flags: InspectFlags) => {
    const found: Json[] = [];
    const platform = await imagePlatform(flags.platform);
    if (platform !== undefined && flags.attestations === true)
      throw new TsbuildError('USAGE', '--platform and --attestations exclude each other');
    using interrupt = interruptSignal();
    await withStore(storeRoot(command), (store) =>
      forEachName(names, status, async (name) => {
        if (flags.attestations === true) {
          const { attestationsOf } = await import('../attestations.ts');
          found.push(...(await attestationsOf(store, name, interrupt.signal)));
        } else found.push(await inspect(store, name, platform));
      }),
    );
    const text =
      flags.format === 'json'
        ? found.map((each) => `${JSON.stringify(each)}\n`).join('')
        : `${JSON.stringify(found, undefined, 2)}\n`;
    process.stdout.write(text);
  });
}

async function inspect(store: Store, name: string, platform: Platform | undefined): Promise<Json> {
  const { inspectContainer } = await import('../../ops/index.ts');
  // A container has the platform of its image: who names one means images.
  const container = platform === undefined ? await inspectContainer(store, name) : undefined;
  if (container !== undefined) return container;
  const { findImage, inspectImage, listImages, openImage, resolveForPlatform } =
    await import('../../image/index.ts');
  const image =
    platform === undefined ? await findImage(store, name) : await resolveForPlatform(store, name, platform);
  if (image === undefined) {
    throw new TsbuildError('IMAGE_NOT_FOUND', `no such image or container: ${name}`, {
      hint: 'tsbuild images and tsbuild ps -a list what there is',
    });
  }
  const row = (await listImages(store)).find(({ id }) => id === image.id);
  return inspectImage(await openImage(store, image.manifest), row ?? { names: [], repoDigests: [] });
}
