export { compileSeccomp } from './compile.ts';
export { seccompFlags } from './flags.ts';
export { defaultSeccompProfile } from './profile.ts';
export { hostSeccompArch, type SeccompArch } from './tables.ts';
