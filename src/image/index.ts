export { alignHistory, assembleImage } from './assemble.ts';
export type { AssembledImage, ImageParts, LayerParts } from './assemble.ts';
export { resolveForPlatform } from './for-platform.ts';
export { imageHistory } from './history.ts';
export type { HistoryRow } from './history.ts';
export { openImage } from './image.ts';
export type { Image, Layer } from './image.ts';
export { imagesOf, isIndexType, readIndex, writeIndex } from './index-image.ts';
export type { IndexEntry, IndexMember, StoredIndex } from './index-image.ts';
export { inspectImage } from './inspect.ts';
export { keepImage } from './keep.ts';
export type { KeptImage } from './keep.ts';
export { bounded, openLayer, openUnchecked } from './layer.ts';
export { Layout, readLayoutImage } from './layout.ts';
export { imageSize, listImages } from './list.ts';
export type { ImageRow } from './list.ts';
export {
  addToManifestList,
  annotateManifestList,
  createManifestList,
  removeFromManifestList,
} from './manifest-list.ts';
export type { EntryChange, ListedImage } from './manifest-list.ts';
export { checkTag, nameTarget, removeImage, tagImage } from './names.ts';
export type { ImageUse, RemovedImage, RemoveOptions } from './names.ts';
export { pushImage } from './push.ts';
export type { PushedImage, PushImageOptions } from './push.ts';
export { blobOfBytes, knownForm, packLayer, rememberForm, storedBlob } from './outgoing.ts';
export type { LayerForm } from './outgoing.ts';
export { packImage, packIndex } from './packed-image.ts';
export type { PackedImage, PackedImageLayer, PackedIndex, PackImageOptions } from './packed-image.ts';
export type { PackingOptions } from './packing.ts';
export { findImage, loadImage, resolveImage } from './resolve.ts';
export type { FindOptions, ResolvedImage } from './resolve.ts';
export { storeImage, writeImage } from './write.ts';
export { subjectsOf } from './attestations/artifact.ts';
export { keepAttestations, keptAttestations } from './attestations/keep.ts';
export { imageUrl, packageUrl } from './attestations/package-url.ts';
export type { PackageUrl } from './attestations/package-url.ts';
export { remoteStatements } from './attestations/read.ts';
export { maxStatementBytes, statementOf } from './attestations/statement.ts';
export type { Attestation, Subject } from './attestations/types.ts';
export { importTarball } from './archive/import.ts';
export type { ImportOptions } from './archive/import.ts';
export { loadArchive } from './archive/load.ts';
export type { LoadedImage, LoadOptions } from './archive/load.ts';
export { saveArchive } from './archive/save.ts';
export type { SaveOptions } from './archive/save.ts';
export { layoutLock, writeLayoutFolder } from './archive/layout-folder.ts';
export { writePackedArchive } from './archive/packed-archive.ts';
export type { PackedArchiveOptions, PackedResult } from './archive/packed-archive.ts';
