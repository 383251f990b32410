export * from './types.ts';
export { createTarWriter, encodeEntryHeader, type TarSink, type TarWriter } from './writer.ts';
