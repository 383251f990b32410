# on-terminal.py KEYS PROGRAM...: runs the program on a pseudo-terminal, types, prints the result as JSON.
import fcntl, json, os, pty, select, struct, sys, termios, time

keys = json.loads(sys.argv[1])
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 101, 0, 0))
before = termios.tcgetattr(slave)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)
    os.close(master)
    os.execv(sys.argv[2], sys.argv[2:])

output, code, tries = b'', None, 3000
while True:
    ready, _, _ = select.select([master], [], [], 0.05)
    if ready:
        output += os.read(master, 65536)
    while keys and keys[0][0].encode() in output:
        typed = keys.pop(0)[1]
        if typed in ('KILL', 'ABANDON'):
            os.kill(pid, 9)
            tries = 3000 if typed == 'KILL' else 1
        elif typed.startswith('RESIZE'):
            rows, columns = map(int, typed.split()[1:])
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        else:
            os.write(master, typed.encode())
    if code is None:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
    elif not ready:
        break
for _ in range(tries):
    if termios.tcgetattr(slave) == before:
        break
    time.sleep(0.02)
restored = termios.tcgetattr(slave) == before
print(json.dumps({'output': output.decode('latin1'), 'code': code, 'restored': restored}))
