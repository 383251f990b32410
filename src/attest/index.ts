export { createAttester, type AttestedBuild, type AttestedImage, type Attester } from './attest.ts';
export { provenanceOf, type BuildFacts } from './provenance.ts';
export type * from './types.ts';
