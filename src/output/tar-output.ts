import { fromText, type ByteString } from '../core/index.ts';
import { addTree } from '../ops/index.ts';
import { createTarWriter, type TarWriter } from '../tar/index.ts';
import { placeOf, writeTo } from './destination.ts';
import { fullNames } from './names.ts';
import { platformFolder } from './platform-folder.ts';
import { statementFiles, type StatementFile } from './statement-files.ts';
import type { BuiltImages, OutputSpec, WrittenOutput } from './types.ts';
import type { OutputWork } from './work.ts';

type TarSpec = Extract<OutputSpec, { kind: 'tar' }>;

const root = '' as ByteString;

/**
 * The files of the result as one tar (O-05): names relative and in bytewise order, owners and modes as in the image, hard
 * links as such; with an epoch every time is that (O-55). The same result gives the same bytes. Several platforms stand in
 * a folder each.
 */
export async function writeTarOutput(
  spec: TarSpec,
  { images }: BuiltImages,
  work: OutputWork,
): Promise<WrittenOutput> {
  await writeTo(spec.dest, work, async (sink) => {
    const writer = createTarWriter(sink);
    const shaped = withTime(writer, spec.shape.epoch);
    const names = fullNames(work.names);
    for (const built of images) {
      const { platform, snapshot } = built;
      await using view = await work.snapshotter.view(snapshot);
      const name = images.length > 1 ? fromText(platformFolder(platform)) : root;
      const said = statementFiles(built, view.root, { names, isAmongOthers: false });
      await addTree(shaped, { root: view.root, path: root }, { name, signal: work.signal });
      for (const file of said) await addStatement(shaped, file, name);
    }
    await writer.finish();
  });
  return { kind: 'tar', names: [], descriptor: undefined, repoDigests: [], place: placeOf(spec.dest) };
}

async function addStatement(
  writer: TarWriter,
  { name, bytes }: StatementFile,
  folder: ByteString,
): Promise<void> {
  const path = (folder === root ? name : `${folder}/${name}`) as ByteString;
  const header = { type: 'file', path, mode: 0o644, uid: 0, gid: 0, mtime: 0, xattrs: [] } as const;
  await writer.entry({ ...header, size: bytes.byteLength });
  await writer.data(bytes);
}

/** The root itself is left out: whoever unpacks the tar has a folder to do it in, with an owner and mode of its own. */
function withTime(writer: TarWriter, epoch: number | undefined): TarWriter {
  return {
    ...writer,
    entry(header) {
      if (header.path === root) return undefined;
      return writer.entry(epoch === undefined ? header : { ...header, mtime: epoch, mtimeNanos: 0 });
    },
  };
}
