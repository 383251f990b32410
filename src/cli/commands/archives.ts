import { createWriteStream, renameSync, rmSync } from 'node:fs';
import { finished } from 'node:stream/promises';

import { Command, Option } from 'commander';

import { isErrno, TsbuildError } from '../../core/index.ts';
import { interruptSignal } from '../interrupt.ts';
import { storeRoot } from '../root.ts';
import { withStore } from '../with-store.ts';

export function loadCommand(): Command {
  const command = new Command('load')
    .description('load images from an archive of docker or of the OCI layout')
    .option('--root <dir>', 'folder of the store');
  command
    .option('-i, --input <file>', 'the archive, plain or compressed (default: standard input)')
    .option('-q, --quiet', 'print nothing');
  return command.action(async (flags: { input?: string; quiet?: boolean }) => {
    await withStore(storeRoot(command), async (store) => {
      const { loadArchive } = await import('../../image/index.ts');
      const { familiarName } = await import('../../oci/index.ts');
      const { hostDecompressor } = await import('../../ops/index.ts');
      const loaded = await readable(flags.input, (source) =>
        loadArchive(store, source, { foreign: hostDecompressor }),
      );
      await store.settle();
      if (flags.quiet === true) return;
      for (const { id, names } of loaded) {
        const lines =
          names.length === 0
            ? [`Loaded image ID: ${id}`]
            : names.map((name) => `Loaded image: ${familiarName(name)}`);
        process.stdout.write(`${lines.join('\n')}\n`);
      }
    });
  });
}

export function saveCommand(): Command {
  const command = new Command('save')
    .description('write images into one archive')
    .option('--root <dir>', 'folder of the store');
  command
    .argument('<image...>', 'names or ids')
    .option('-o, --output <file>', 'the archive (default: standard output)')
    .addOption(
      new Option('--format <format>', 'docker: for docker load and podman load; oci: an OCI layout')
        .choices(['docker', 'oci'])
        .default('docker'),
    );
  return command.action(
    async (images: readonly string[], flags: { output?: string; format: 'docker' | 'oci' }) => {
      if (flags.output === undefined && process.stdout.isTTY) {
        throw new TsbuildError('USAGE', 'refusing to write an archive to a terminal', {
          hint: 'use -o FILE, or redirect standard output',
        });
      }
      await withStore(storeRoot(command), async (store) => {
        const { saveArchive } = await import('../../image/index.ts');
        await writeOutput(flags.output, (sink) => saveArchive(store, images, sink, { format: flags.format }));
      });
    },
  );
}

export function importCommand(): Command {
  const command = new Command('import')
    .description('make an image of the tar of a root file system')
    .option('--root <dir>', 'folder of the store');
  command
    .argument('<tar>', 'the tar, plain or compressed; - is standard input')
    .argument('[name]', 'name for the image')
    .option('-m, --message <text>', 'comment in the history');
  return command.action(async (tar: string, name: string | undefined, flags: { message?: string }) => {
    await withStore(storeRoot(command), async (store) => {
      const { importTarball } = await import('../../image/index.ts');
      const { hostDecompressor } = await import('../../ops/index.ts');
      const file = tar === '-' ? undefined : tar;
      const image = await readable(file, (source) =>
        importTarball(store, source, { name, message: flags.message, foreign: hostDecompressor }),
      );
      await store.settle();
      process.stdout.write(`${image.id}\n`);
    });
  });
}

async function readable<T>(
  file: string | undefined,
  action: (source: AsyncIterable<Uint8Array> | string) => Promise<T>,
): Promise<T> {
  try {
    return await action(file ?? process.stdin);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EISDIR', 'EACCES') && file !== undefined) {
      throw new TsbuildError('USAGE', `cannot read the archive ${file}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** A file appears under its name only when it is whole. */
async function writeOutput(
  path: string | undefined,
  write: (sink: (chunk: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  if (path === undefined) {
    await write((chunk) => drained(process.stdout, chunk));
    return;
  }
  using interrupt = interruptSignal();
  const temporary = `${path}.${process.pid}.tmp`;
  const stream = createWriteStream(temporary);
  try {
    await write(async (chunk) => {
      interrupt.signal.throwIfAborted();
      await drained(stream, chunk);
    });
    stream.end();
    await finished(stream);
    renameSync(temporary, path);
  } catch (error) {
    stream.destroy();
    rmSync(temporary, { force: true });
    throw error;
  }
}

function drained(stream: NodeJS.WritableStream, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    // A copy: the writer of the archive uses its buffer again.
    stream.write(Buffer.from(chunk), (error) => (error ? reject(error) : resolve()));
  });
}
