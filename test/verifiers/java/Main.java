import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Reads what to open and what to verify as lines of JSON, and answers each with a line. */
public final class Main {
  private static final Map<String, GatehouseVerifier.Assertions> ASSERTIONS = new HashMap<>();
  private static final Map<String, GatehouseVerifier.Signatures> SIGNATURES = new HashMap<>();
  private static double seconds;

  public static void main(String[] arguments) throws Exception {
    PrintStream output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      Map<String, Object> command = GatehouseVerifier.Json.object(line.getBytes(StandardCharsets.UTF_8));
      if (command.get("do").equals("open")) {
        open((String) command.get("name"), (String) command.get("kind"), (Map<?, ?>) command.get("options"));
        output.println("{}");
      } else {
        output.println(json(answer(command)));
      }
    }
  }

  private static void open(String name, String kind, Map<?, ?> options) {
    if (kind.equals("assertion")) {
      Set<String> algorithms =
          options.containsKey("algorithms") ? new HashSet<>(texts(options.get("algorithms"))) : Set.of("ES256");
      ASSERTIONS.put(
          name,
          new GatehouseVerifier.Assertions(
              (String) options.get("jwksUrl"),
              (String) options.get("issuer"),
              (String) options.get("audience"),
              algorithms,
              "X-Gatehouse-Assertion",
              5,
              () -> seconds));
      return;
    }
    Map<String, String> keys = new HashMap<>();
    ((Map<?, ?>) options.get("keys")).forEach((id, secret) -> keys.put((String) id, (String) secret));
    Set<String> seen = new HashSet<>();
    GatehouseVerifier.Nonces nonces =
        Boolean.TRUE.equals(options.get("nonces")) ? (keyId, nonce, expires) -> seen.add(nonce) : null;
    SIGNATURES.put(
        name, new GatehouseVerifier.Signatures(keys, texts(options.get("fields")), nonces, 5, () -> seconds));
  }

  private static Map<String, Object> answer(Map<String, Object> command) {
    seconds = (Double) command.get("now");
    Map<String, List<String>> fields = new LinkedHashMap<>();
    for (Object field : (List<?>) command.get("fields")) {
      List<String> pair = texts(field);
      fields.computeIfAbsent(pair.get(0), name -> new ArrayList<>()).add(pair.get(1));
    }
    var request =
        new GatehouseVerifier.Request((String) command.get("method"), (String) command.get("target"), fields);
    String name = (String) command.get("name");
    String body = (String) command.get("body");
    GatehouseVerifier.Verdict verdict =
        ASSERTIONS.containsKey(name)
            ? ASSERTIONS.get(name).verify(request)
            : SIGNATURES.get(name).verify(request, body == null ? null : body.getBytes(StandardCharsets.UTF_8));
    Map<String, Object> identity = new LinkedHashMap<>();
    if (verdict instanceof GatehouseVerifier.Refused refused)
      return Map.of("ok", false, "code", refused.code(), "cause", String.valueOf(refused.cause()));
    if (verdict instanceof GatehouseVerifier.Asserted asserted) {
      identity.put("subject", asserted.subject());
      identity.put("tenant", asserted.tenant());
      identity.put("client", asserted.client());
      identity.put("roles", asserted.roles());
      identity.put("scopes", asserted.scopes());
      identity.put("profile", asserted.profile());
    } else if (verdict instanceof GatehouseVerifier.Signed signed) {
      identity.put("fields", signed.fields());
      identity.put("bodyBound", signed.bodyBound());
    }
    return Map.of("ok", true, "identity", identity);
  }

  private static List<String> texts(Object list) {
    return ((List<?>) list).stream().map(each -> (String) each).collect(Collectors.toList());
  }

  private static String json(Object value) {
    if (value instanceof Map<?, ?> map)
      return map.entrySet().stream()
          .map(each -> json(each.getKey()) + ":" + json(each.getValue()))
          .collect(Collectors.joining(",", "{", "}"));
    if (value instanceof List<?> list)
      return list.stream().map(Main::json).collect(Collectors.joining(",", "[", "]"));
    if (!(value instanceof String text)) return String.valueOf(value);
    return text.chars()
        .mapToObj(each -> each > 0x1f && each != '"' && each != '\\' ? String.valueOf((char) each) : String.format("\\u%04x", each))
        .collect(Collectors.joining("", "\"", "\""));
  }
}
