export { provenanceOf, type BuildFacts } from './provenance.ts';
export { sbomOf, type SbomFacts } from './sbom.ts';
export { watchSources } from './watch-sources.ts';
export type * from './types.ts';
