export { defaultSeccompProfile } from './profile.ts';
export { hostSeccompArch, type SeccompArch } from './tables.ts';
