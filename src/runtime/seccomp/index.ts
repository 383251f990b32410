export { compileSeccomp } from './compile.ts';
export { dockerProfile, readDockerProfile, type ProfileSubject } from './docker-profile.ts';
export { seccompFlags } from './flags.ts';
export { defaultSeccompProfile } from './profile.ts';
export { hostSeccompArch, type SeccompArch } from './tables.ts';
