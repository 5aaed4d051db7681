// Loads memory nodes of Flowise's compiled package without its hundreds of dependencies. What is
// not installed loads as a placeholder that throws as soon as it is called, so that a use of it in
// a memory node would fail and not pass unseen.
const Module = require("node:module");
const path = require("node:path");

const ROOT = path.join(__dirname, "flowise-components", "package", "dist");
const load = Module._load;

function placeholder(name) {
  const used = () => {
    throw new Error(`${name} is not installed here, and was used`);
  };
  return new Proxy(function () {}, {
    get(_, field) {
      if (field === "__esModule" || typeof field === "symbol") return undefined;
      // A class that another one extends while it loads.
      if (field === "prototype") return {};
      return placeholder(`${name}.${field}`);
    },
    apply: used,
    construct: used,
  });
}

Module._load = function (request, parent, ...rest) {
  const fromFlowise = parent?.filename?.startsWith(ROOT);
  const outside = !request.startsWith(".") && !Module.isBuiltin(request);
  if (fromFlowise && outside) {
    try {
      Module._resolveFilename(request, parent);
    } catch (error) {
      if (error.code === "MODULE_NOT_FOUND") return placeholder(request);
      throw error;
    }
  }
  return load.call(this, request, parent, ...rest);
};

// The one credential of a run, as Flowise's database would hand it over: encrypted.
process.env.FLOWISE_SECRETKEY_OVERWRITE = "a key of the tests";

async function memory(name, inputs, credential) {
  const { AES } = require("crypto-js");
  const { nodeClass } = require(path.join(ROOT, "nodes", "memory", name, `${name}.js`));
  const encryptedData = AES.encrypt(
    JSON.stringify(credential),
    process.env.FLOWISE_SECRETKEY_OVERWRITE,
  ).toString();
  const repository = { findOneBy: async ({ id }) => (id === "credential" ? { encryptedData } : null) };
  const options = {
    appDataSource: { getRepository: () => repository },
    databaseEntities: { Credential: "Credential" },
    orgId: "",
  };
  const data = { inputs, credential: "credential" };
  return new nodeClass().init(data, "", options);
}

// What the palette and the forms of Flowise show of the nodes and their credentials.
function described() {
  const node = (name) => new (require(path.join(ROOT, "nodes", "memory", name, `${name}.js`)).nodeClass)();
  const credential = (name) => new (require(path.join(ROOT, "credentials", `${name}.credential.js`)).credClass)();
  return {
    nodes: ["RedisBackedChatMemory", "UpstashRedisBackedChatMemory"].map(node),
    credentials: ["RedisCacheApi", "RedisCacheUrlApi", "UpstashRedisMemoryApi"].map(credential),
  };
}

// What becomes of a use of a package, as from a file of Flowise's.
function used({ name }) {
  return Module.createRequire(path.join(ROOT, "src", "utils.js"))(name)();
}

module.exports = { memory, described, used };
