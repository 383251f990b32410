export { removeOutputFile, writeOutputFile, writeSmallFile, writeTo } from '../sys/index.ts';
