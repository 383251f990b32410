process.stdout.write('tsbuild\n');
