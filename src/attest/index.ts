export { sbomOfImage, type AttestedImage } from './attest.ts';
export { provenanceOf, type BuildFacts } from './provenance.ts';
export { watchSources } from './watch-sources.ts';
export type * from './types.ts';
