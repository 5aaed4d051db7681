// Calls a gateway with @upstash/redis as it is, and prints what came back.
//
//     node scenarios.mjs NAME    with GATEWAY_URL, GATEWAY_TOKEN and GATEWAY_READ_ONLY_TOKEN
import { Redis } from "@upstash/redis";

const url = process.env.GATEWAY_URL;
const token = process.env.GATEWAY_TOKEN;
const client = (options = {}) => new Redis({ url, token, retry: false, ...options });

// What a promise became, as JSON can have it.
const outcome = (promise) =>
  promise.then(
    (value) => value,
    (error) => `${error.name}: ${error.message}`,
  );

const TEXTS = ["", "OK", "null", "1.0", "12345678901234567890", "déjà vu 😀", "a\u0000b\u001f\u007f", "\u2028\ufeff"];

const scenarios = {
  async single() {
    const redis = client({ enableAutoPipelining: false });
    return {
      set: await redis.set("k", { a: [1, null] }, { ex: 1000 }),
      get: await redis.get("k"),
      missing: await redis.get("nothing"),
      expires: (await redis.ttl("k")) > 900,
      boolean: [await redis.set("b", true), await redis.get("b")],
      number: [await redis.set("n", 1.5), await redis.incrbyfloat("n", 0.25), await redis.get("n")],
      incr: await redis.incrby("i", 7),
      hash: [await redis.hset("h", { a: "1", b: "two" }), await redis.hgetall("h"), await redis.hmget("h", "b", "c")],
      list: [await redis.rpush("l", "a", "b"), await redis.lrange("l", 0, -1)],
      sorted: [
        await redis.zadd("z", { score: 1.5, member: "m" }, { score: 2, member: "o" }),
        await redis.zrange("z", 0, -1, { withScores: true }),
        await redis.zscore("z", "m"),
      ],
      set_type: [await redis.sadd("s", "x"), await redis.smembers("s")],
      stream: [await redis.xadd("x", "1-1", { f: "v" }), await redis.xrange("x", "-", "+")],
      scan: await redis.scan(0, { match: "k*", count: 1000 }),
      ping: await redis.ping(),
      echo: await redis.echo("OK"),
      type: await redis.type("l"),
      exists: await redis.exists("k", "l", "nothing"),
      del: await redis.del("k"),
    };
  },

  async autoPipelining() {
    const redis = client();
    const names = Array.from({ length: 20 }, (_, i) => `auto-${i}`);
    const set = await Promise.all(names.map((name, i) => redis.set(name, i)));
    const got = await Promise.all(names.map((name) => redis.get(name)));
    const [failed, next] = await Promise.all([outcome(redis.lpush("auto-0", "x")), redis.incr("auto-1")]);
    return { set: [...new Set(set)], got, failed, next, requests: redis.pipelineCounter };
  },

  async pipeline() {
    const redis = client();
    await redis.set("text", "t");
    const fill = () => redis.pipeline().set("p", "v").lpush("text", "x").get("p").hgetall("none");
    return { kept: await fill().exec({ keepErrors: true }), thrown: await outcome(fill().exec()) };
  },

  async transaction() {
    const redis = client();
    await redis.set("text", "t");
    return {
      done: await redis.multi().set("m", 1).incr("m").lrange("none", 0, 1).exec(),
      failing: await redis.multi().incr("m").lpush("text", "x").incr("m").exec({ keepErrors: true }),
      discarded: await outcome(redis.multi().incr("m").del().exec()),
      refused: await outcome(redis.multi().incr("m").flushall().exec()),
      left: await redis.get("m"),
    };
  },

  async scripts() {
    const redis = client();
    const sha = await redis.scriptLoad("return {KEYS[1], ARGV[1], 7}");
    const fresh = redis.createScript("return 'fresh ' .. ARGV[1]");
    return {
      evaluated: await redis.eval("return {KEYS[1], {ARGV[1], 'OK'}, 1}", ["k"], ["ä"]),
      status: await redis.eval("return redis.status_reply('PONG')", [], []),
      loaded: await redis.evalsha(sha, ["key"], ["arg"]),
      unknown: await outcome(redis.evalsha("0".repeat(40), [], [])),
      fallen_back: await fresh.exec([], ["x"]),
      read_only: await redis.evalRo("return redis.call('GET', KEYS[1])", ["none"], []),
      exists: await redis.scriptExists(sha, "f".repeat(40)),
      failing: await outcome(redis.eval("return redis.error_reply('MINE it is')", [], [])),
    };
  },

  async texts() {
    const seen = {};
    for (const responseEncoding of ["base64", false]) {
      const redis = client({ responseEncoding, automaticDeserialization: false });
      await redis.del("texts");
      for (const [i, text] of TEXTS.entries()) await redis.set(`text-${i}`, text);
      await redis.rpush("texts", ...TEXTS);
      const one = await Promise.all(TEXTS.map((_, i) => redis.get(`text-${i}`)));
      seen[`single ${responseEncoding}`] = JSON.stringify(one) === JSON.stringify(TEXTS);
      seen[`list ${responseEncoding}`] = JSON.stringify(await redis.lrange("texts", 0, -1)) === JSON.stringify(TEXTS);
    }
    return seen;
  },

  async tokens() {
    const reading = client({ token: process.env.GATEWAY_READ_ONLY_TOKEN });
    await client().set("k", "v");
    return {
      wrong: await outcome(client({ token: "wrong" }).get("k")),
      missing: await outcome(client({ token: "" }).get("k")),
      reads: await reading.get("k"),
      writes: await outcome(reading.set("k", "other")),
      mixed: await reading.pipeline().get("k").del("k").exec({ keepErrors: true }),
      evaluates: await outcome(reading.eval("return 1", [], [])),
      left: await client().get("k"),
    };
  },

  async refused() {
    const redis = client();
    return {
      flushall: await outcome(redis.flushall()),
      keys: await outcome(redis.keys("*")),
      large: (await outcome(redis.set("large", "x".repeat(200_000)))).slice(0, 60),
      undefined: await outcome(redis.del(undefined)),
      next: await redis.set("small", "x"),
    };
  },

  async concurrent() {
    const clients = Array.from({ length: 8 }, () => client({ enableAutoPipelining: false }));
    const replies = await Promise.all(
      clients.flatMap((redis) => Array.from({ length: 25 }, () => redis.incr("counted"))),
    );
    return { distinct: new Set(replies).size, last: Math.max(...replies) };
  },

  async syncToken() {
    const redis = client({ enableAutoPipelining: false });
    const seen = [redis.client.upstashSyncToken];
    for (let i = 0; i < 3; i++) {
      await redis.set("k", i);
      seen.push(redis.client.upstashSyncToken);
    }
    const plain = client({ readYourWrites: false });
    await plain.get("k");
    return { first: seen[0], distinct: new Set(seen).size, without: plain.client.upstashSyncToken };
  },
};

process.stdout.write(JSON.stringify(await scenarios[process.argv[2]]()));
