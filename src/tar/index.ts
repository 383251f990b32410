export * from './types.ts';
export { compress, highestLevels, type CompressOptions } from './compress.ts';
export {
  decompress,
  decompressAs,
  isTarHead,
  peek,
  sniffBytes,
  sniffCompression,
  type ForeignDecompressor,
} from './compression.ts';
export { readTar } from './reader.ts';
export { PieceMemory, sideBySide } from './side-by-side.ts';
export { isReservedLayerName, parseLayerName, whiteoutName, type LayerName } from './whiteout.ts';
export { FramePacker } from './zstd-pack.ts';
export { createTarWriter, encodeEntryHeader, type TarSink, type TarWriter } from './writer.ts';
