// A TCP proxy that can go down: it drops its connections and refuses new ones until it is up again.

import net from 'node:net';

export class LossyProxy {
  #sockets = new Set();
  #refuse = false;
  #server;

  /** One before `target`, on a free port of 127.0.0.1. */
  static async before(target) {
    const proxy = new LossyProxy();
    proxy.#server = net.createServer((client) => proxy.#take(client, target));
    await new Promise((resolve) => { proxy.#server.listen(0, '127.0.0.1', resolve); });
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}/`;
    return proxy;
  }

  #take(client, target) {
    if (this.#refuse) {
      client.destroy();
      return;
    }
    const upstream = net.connect(Number(target.port || 80), target.hostname);
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      this.#sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }

  down() {
    this.#refuse = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  up() {
    this.#refuse = false;
  }

  close() {
    this.down();
    this.#server.close();
  }
}
