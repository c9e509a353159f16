import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.scalar.dl.client.config.ClientConfig;
import com.scalar.dl.client.exception.ClientException;
import com.scalar.dl.client.service.ClientService;
import com.scalar.dl.client.service.ClientServiceFactory;
import com.scalar.dl.ledger.model.ContractExecutionResult;
import com.scalar.dl.ledger.model.LedgerValidationResult;
import com.scalar.dl.ledger.proof.AssetProof;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import picocli.CommandLine;

/**
 * The Java client SDK and its command lines, driven from outside: one line of JSON asks, one line of JSON answers.
 * One virtual machine serves a whole run, because each start of one costs a second or two.
 */
public class Driver {
  private final ObjectMapper mapper = new ObjectMapper();
  private final ClientServiceFactory factory = new ClientServiceFactory();
  private final ConcurrentHashMap<String, ClientService> services = new ConcurrentHashMap<>();

  public static void main(String[] args) throws Exception {
    PrintStream answers = System.out;
    System.setOut(System.err);
    Driver driver = new Driver();
    BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    answers.println("ready");
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      answers.println(driver.mapper.writeValueAsString(driver.answer(driver.mapper.readTree(line))));
      answers.flush();
    }
    driver.factory.close();
  }

  private JsonNode answer(JsonNode request) {
    try {
      return perform(request);
    } catch (ClientException e) {
      ObjectNode error = mapper.createObjectNode();
      // An older client has no name for a younger code.
      error.put("code", e.getStatusCode() == null ? 0 : e.getStatusCode().get()).put("message", e.getMessage());
      return mapper.createObjectNode().set("error", error);
    } catch (Throwable e) {
      e.printStackTrace();
      return mapper.createObjectNode().put("broken", e.toString());
    }
  }

  private JsonNode perform(JsonNode request) throws Exception {
    String action = request.get("do").asText();
    ObjectNode done = mapper.createObjectNode();
    if (action.equals("command")) {
      return command(request.get("tool").asText(), request.get("arguments"));
    }
    if (action.equals("open")) {
      Properties properties = new Properties();
      request.get("properties").fields().forEachRemaining(field -> properties.put(field.getKey(), field.getValue().asText()));
      services.put(request.get("service").asText(), factory.create(new ClientConfig(properties)));
      return done;
    }

    ClientService service = services.get(request.get("service").asText());
    switch (action) {
      case "register_certificate":
        service.registerCertificate();
        return done;
      case "register_secret":
        service.registerSecret();
        return done;
      case "register_contract":
        service.registerContract(text(request, "id"), text(request, "binary_name"), bytes(request), request.get("properties"));
        return done;
      case "register_function":
        service.registerFunction(text(request, "id"), text(request, "binary_name"), bytes(request));
        return done;
      case "list":
        done.set("contracts", mapper.readTree(service.listContracts(text(request, "id")).toString()));
        return done;
      case "execute":
        return execute(service, request);
      case "validate":
        LedgerValidationResult validated =
            service.validateLedger(text(request, "asset_id"), request.get("start_age").asInt(), request.get("end_age").asInt());
        done.put("code", validated.getCode().get());
        validated.getLedgerProof().ifPresent(proof -> done.set("ledger_proof", proof(proof)));
        validated.getAuditorProof().ifPresent(proof -> done.set("auditor_proof", proof(proof)));
        return done;
      default:
        throw new IllegalArgumentException(action);
    }
  }

  private JsonNode execute(ClientService service, JsonNode request) {
    String nonce = text(request, "nonce");
    String contract = text(request, "contract");
    JsonNode argument = request.get("argument");
    String function = text(request, "function");
    JsonNode functionArgument = request.get("function_argument");
    ContractExecutionResult result;
    if (argument.isTextual()) {
      result = nonce == null
          ? service.executeContract(contract, argument.asText())
          : service.executeContract(nonce, contract, argument.asText());
    } else {
      result = nonce == null
          ? service.executeContract(contract, argument, function, functionArgument)
          : service.executeContract(nonce, contract, argument, function, functionArgument);
    }
    ObjectNode done = mapper.createObjectNode();
    done.put("result", result.getContractResult().orElse(null));
    done.put("function_result", result.getFunctionResult().orElse(null));
    done.set("ledger_proofs", proofs(result.getLedgerProofs()));
    done.set("auditor_proofs", proofs(result.getAuditorProofs()));
    return done;
  }

  /** Runs a command line as its start script would, with what it prints and its exit code for an answer. */
  private JsonNode command(String tool, JsonNode arguments) throws Exception {
    String[] given = new String[arguments.size()];
    for (int i = 0; i < given.length; i++) {
      given[i] = arguments.get(i).asText();
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    PrintStream usualOut = System.out;
    PrintStream usualErr = System.err;
    System.setOut(new PrintStream(out, true, "UTF-8"));
    System.setErr(new PrintStream(err, true, "UTF-8"));
    int exit;
    try {
      exit = commandLine(tool).execute(given);
    } finally {
      System.setOut(usualOut);
      System.setErr(usualErr);
    }
    return mapper.createObjectNode().put("exit", exit).put("out", out.toString("UTF-8")).put("err", err.toString("UTF-8"));
  }

  /** What the main method of a tool makes before it runs it and ends the virtual machine. */
  private static CommandLine commandLine(String tool) throws Exception {
    Class<?> type = Class.forName(tool);
    CommandLine line = new CommandLine(type.getDeclaredConstructor().newInstance());
    group(type, line);
    CommandLine generic = line.getSubcommands().get("generic-contracts");
    if (generic != null) {
      group(generic.getCommand().getClass(), generic);
    }
    return line;
  }

  private static void group(Class<?> type, CommandLine line) throws Exception {
    Method method = type.getDeclaredMethod("setupSections", CommandLine.class);
    method.setAccessible(true);
    method.invoke(null, line);
  }

  private ArrayNode proofs(List<AssetProof> given) {
    ArrayNode all = mapper.createArrayNode();
    given.forEach(each -> all.add(proof(each)));
    return all;
  }

  private ObjectNode proof(AssetProof proof) {
    return mapper.createObjectNode()
        .put("asset_id", proof.getId())
        .put("age", proof.getAge())
        .put("nonce", proof.getNonce())
        .put("input", proof.getInput())
        .put("hash", proof.getHash())
        .put("prev_hash", proof.getPrevHash())
        .put("signature", proof.getSignature());
  }

  private static String text(JsonNode request, String name) {
    return request.hasNonNull(name) ? request.get(name).asText() : null;
  }

  private static byte[] bytes(JsonNode request) {
    return Base64.getDecoder().decode(request.get("byte_code").asText());
  }
}
