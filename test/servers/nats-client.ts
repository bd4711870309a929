import { once } from "node:events";
import net from "node:net";

interface Message {
  readonly reply: string | undefined;
  readonly body: string;
}

/** As much of NATS' text protocol as it takes to make streams and consumers, to publish, fetch and acknowledge. */
export class NatsClient {
  readonly #socket: net.Socket;
  readonly #waiting = new Map<string, (message: Message) => void>();
  #unread = Buffer.alloc(0);
  #requests = 0;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  static async connect(port: number): Promise<NatsClient> {
    const socket = net.connect(port, "127.0.0.1");
    await once(socket, "connect");
    const client = new NatsClient(socket);
    socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n');
    return client;
  }

  publish(subject: string, body = "", reply = ""): void {
    this.#socket.write(`PUB ${subject} ${reply} ${Buffer.byteLength(body)}\r\n${body}\r\n`);
  }

  /** @throws {Error} if nobody answers within 10 s. */
  request(subject: string, body = ""): Promise<Message> {
    // A number of its own: what a stream delivers keeps the subject that it was published under.
    const number = String(++this.#requests);
    const inbox = `_INBOX.t.${number}`;
    this.#socket.write(`SUB ${inbox} ${number}\r\nUNSUB ${number} 1\r\n`);
    const answer = new Promise<Message>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${subject}: no answer within 10 s`)), 10_000);
      this.#waiting.set(number, (message) => {
        clearTimeout(late);
        resolve(message);
      });
    });
    this.publish(subject, body, inbox);
    return answer;
  }

  /**
   * Calls JetStream's API.
   *
   * @throws {Error} with what it answered, if that is an error.
   */
  async api(subject: string, question: object = {}): Promise<Readonly<Record<string, unknown>>> {
    const { body } = await this.request(`$JS.API.${subject}`, JSON.stringify(question));
    const answer = JSON.parse(body) as Readonly<Record<string, unknown>>;
    if (answer["error"] !== undefined) throw new Error(`${subject}: ${JSON.stringify(answer["error"])}`);
    return answer;
  }

  /** Takes the next message of a consumer, and acknowledges it if asked to. */
  async next(stream: string, consumer: string, acknowledge: boolean): Promise<void> {
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
    const { reply } = await this.request(subject, JSON.stringify({ batch: 1, expires: 5e9 }));
    if (reply === undefined) throw new Error(`${subject}: not a message of a stream`);
    if (acknowledge) await this.request(reply, "+ACK");
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    for (;;) {
      const end = this.#unread.indexOf("\r\n");
      if (end < 0) return;
      const words = this.#unread.subarray(0, end).toString().split(" ");
      const start = end + 2;
      if (words[0] === "PING") this.#socket.write("PONG\r\n");
      if (words[0] !== "MSG" && words[0] !== "HMSG") {
        this.#unread = this.#unread.subarray(start);
        continue;
      }
      const size = Number(words.at(-1));
      if (this.#unread.length < start + size + 2) return;
      this.#deliver(words, this.#unread.subarray(start, start + size));
      this.#unread = this.#unread.subarray(start + size + 2);
    }
  }

  #deliver([kind, , number = "", ...rest]: readonly string[], payload: Buffer): void {
    const sizes = kind === "HMSG" ? 2 : 1;
    const reply = rest.length > sizes ? rest[0] : undefined;
    const headers = kind === "HMSG" ? Number(rest.at(-2)) : 0;
    const take = this.#waiting.get(number);
    this.#waiting.delete(number);
    take?.({ reply, body: payload.subarray(headers).toString() });
  }
}
