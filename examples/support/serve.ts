/** The life of an example: listen, say where, close gracefully on the first signal to stop. */
import type { Server } from '../../src/index.ts';

export interface Where {
  readonly host: string;
  /** Several: the first of them that is free. */
  readonly port: number | readonly number[];
}

/** Listens, and prints `line` of the server when it does. Says why, where it cannot. */
export async function serve(
  server: Server, { host, port }: Where,
  line: (server: Server) => string = ({ url }) => `listening on ${url}`,
): Promise<void> {
  try {
    await listen(server, host, [port].flat());
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
    return;
  }
  closeOnSignal(server);
  console.log(line(server));
}

async function listen(server: Server, host: string, ports: readonly number[]): Promise<void> {
  for (const [index, port] of ports.entries()) {
    try {
      await server.listen({ host, port });
      return;
    } catch (error) {
      const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
      if (cause?.code !== 'EADDRINUSE' || index === ports.length - 1) throw error;
    }
  }
}

/** The first SIGINT or SIGTERM lets what is begun finish; the second does not wait. */
function closeOnSignal(server: Server): void {
  let asked = false;
  const stop = (): void => {
    void server.close(asked ? { timeoutMs: 0 } : {});
    asked = true;
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  // A timer or a descriptor that a handler forgot must not keep a server that has closed.
  void server.closed.then(() => process.exit(0));
}
