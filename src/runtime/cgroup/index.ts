export { cgroupManager, parseCgroupMounts, type CgroupMounts } from './detect.ts';
export { deviceProgram } from './device-program.ts';
export { cpuWeight, ioWeight, v1Writes, v2Writes, type ControlWrite } from './limits.ts';
export { noCgroups } from './none.ts';
export type { Cgroup, CgroupManager, CgroupPlacement } from './types.ts';
export { v1Cgroups } from './v1.ts';
export { v2Cgroups } from './v2.ts';
