import { Option, type Command } from 'commander';

import { TsbuildError } from '../../core/index.ts';
import { writeOutputFile, writeTo } from '../../sys/index.ts';
import { archiveSource } from '../archive-source.ts';
import { examples, makeCommand } from '../command.ts';
import { addImagePlatformOption, imagePlatform } from '../image-platform.ts';
import { interruptSignal } from '../interrupt.ts';
import { storeRoot } from '../root.ts';
import { printable } from '../terminal-text.ts';
import { withStore } from '../with-store.ts';

export function loadCommand(): Command {
  const command = makeCommand('load', 'Load images from an archive of docker save or of an OCI layout')
    .option('-i, --input <file>', 'the archive, plain or compressed (default: standard input)')
    .option('-q, --quiet', 'print nothing');
  return command.action(async (flags: { input?: string; quiet?: boolean }) => {
    const source = archiveSource(flags.input, 'use -i FILE, or redirect standard input');
    await withStore(storeRoot(command), async (store) => {
      const { loadArchive } = await import('../../image/index.ts');
      const { familiarName } = await import('../../oci/index.ts');
      const { hostDecompressor } = await import('../../ops/index.ts');
      const loaded = await loadArchive(store, source, { foreign: hostDecompressor });
      await store.settle();
      if (flags.quiet === true) return;
      for (const { id, names } of loaded) {
        const lines =
          names.length === 0
            ? [`Loaded image ID: ${id}`]
            : names.map((name) => `Loaded image: ${familiarName(name)}`);
        process.stdout.write(`${printable(lines.join('\n'))}\n`);
      }
    });
  });
}

interface SaveFlags {
  readonly output?: string;
  readonly format: 'docker' | 'oci';
  readonly platform?: string;
}

export function saveCommand(): Command {
  const command = makeCommand('save', 'Write images into one archive')
    .argument('<image...>', 'names or ids')
    .option('-o, --output <file>', 'the archive (default: standard output)')
    .addOption(
      new Option('--format <docker|oci>', 'for docker load and podman load, or as an OCI layout')
        .choices(['docker', 'oci'])
        .default('docker'),
    )
    .addHelpText(
      'after',
      examples([
        ['tsbuild save -o app.tar app', 'write app into app.tar'],
        ['tsbuild save app | docker load', 'hand app to Docker'],
      ]),
    );
  addImagePlatformOption(command, 'of images for several platforms the one for this, as linux/arm64');
  return command.action(async (images: readonly string[], flags: SaveFlags) => {
    const { output, format } = flags;
    const platform = await imagePlatform(flags.platform);
    if (output === undefined && process.stdout.isTTY) {
      throw new TsbuildError('USAGE', 'refusing to write an archive to a terminal', {
        hint: 'use -o FILE, or redirect standard output',
      });
    }
    using interrupt = interruptSignal();
    await withStore(storeRoot(command), async (store) => {
      const { resolveForPlatform, saveArchive } = await import('../../image/index.ts');
      // A name that is wrong is told before the file is touched.
      for (const image of images) await resolveForPlatform(store, image, platform);
      const write = (sink: (chunk: Uint8Array) => Promise<void>): Promise<void> => {
        const interruptible = async (chunk: Uint8Array): Promise<void> => {
          interrupt.signal.throwIfAborted();
          await sink(chunk);
        };
        return saveArchive(store, images, interruptible, { format, platform });
      };
      if (output === undefined) await write((chunk) => writeTo(process.stdout, chunk));
      else await writeOutputFile(output, write);
    });
  });
}

export function importCommand(): Command {
  const command = makeCommand('import', 'Make an image of the tar of a root file system')
    .argument('<tar>', 'the tar, plain or compressed; - is standard input')
    .argument('[name]', 'name for the image')
    .option('-m, --message <text>', 'comment in the history');
  return command.action(async (tar: string, name: string | undefined, flags: { message?: string }) => {
    const source = archiveSource(tar === '-' ? undefined : tar, 'name a file, or redirect standard input');
    await withStore(storeRoot(command), async (store) => {
      const { importTarball } = await import('../../image/index.ts');
      const { hostDecompressor } = await import('../../ops/index.ts');
      const options = { name, message: flags.message, foreign: hostDecompressor };
      const image = await importTarball(store, source, options);
      await store.settle();
      process.stdout.write(`${image.id}\n`);
    });
  });
}
