// Writes the golden files beside it, from `words.txt`, `documents.txt` and `queries.txt`.
// Made with Lucene 9.9.1 as it is in anserini-0.39.0-fatjar.jar (package pyserini 0.44.0):
//
//   pip download --no-deps pyserini==0.44.0 && tar xzf pyserini-0.44.0.tar.gz
//   java -cp pyserini-0.44.0/pyserini/resources/jars/anserini-0.39.0-fatjar.jar \
//       crates/retrieval/tests/data/LuceneGolden.java crates/retrieval/tests/data

import java.io.IOException;
import java.nio.file.*;
import java.util.*;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.document.*;
import org.apache.lucene.index.*;
import org.apache.lucene.search.*;
import org.apache.lucene.search.similarities.BM25Similarity;
import org.apache.lucene.store.ByteBuffersDirectory;
import org.apache.lucene.util.SmallFloat;

public class LuceneGolden {
  static final EnglishAnalyzer ANALYZER = new EnglishAnalyzer();

  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    List<String> stems = new ArrayList<>();
    for (String word : Files.readAllLines(folder.resolve("words.txt"))) {
      stems.add(String.join(" ", terms(word)));
    }
    Files.write(folder.resolve("lucene_stems.txt"), stems);

    List<String> documents = Files.readAllLines(folder.resolve("documents.txt"));
    List<String> analyzed = new ArrayList<>();
    for (String document : documents) {
      analyzed.add(String.join(" ", terms(document)));
    }
    Files.write(folder.resolve("lucene_terms.txt"), analyzed);

    List<String> scores = new ArrayList<>();
    IndexSearcher searcher = new IndexSearcher(index(documents));
    searcher.setSimilarity(new BM25Similarity(1.2f, 0.75f));
    for (String query : Files.readAllLines(folder.resolve("queries.txt"))) {
      BooleanQuery.Builder clauses = new BooleanQuery.Builder();
      for (String term : terms(query)) {
        clauses.add(new TermQuery(new Term("text", term)), BooleanClause.Occur.SHOULD);
      }
      List<String> found = new ArrayList<>();
      for (ScoreDoc hit : searcher.search(clauses.build(), 100).scoreDocs) {
        found.add(hit.doc + ":" + hit.score);
      }
      scores.add(String.join(" ", found));
    }
    Files.write(folder.resolve("lucene_scores.txt"), scores);

    List<String> lengths = new ArrayList<>();
    for (int length = 0; length < 3000; length += 1 + length / 20) {
      lengths.add(length + " " + SmallFloat.byte4ToInt(SmallFloat.intToByte4(length)));
    }
    Files.write(folder.resolve("lucene_lengths.txt"), lengths);
  }

  static List<String> terms(String text) throws IOException {
    List<String> terms = new ArrayList<>();
    try (TokenStream stream = ANALYZER.tokenStream("text", text)) {
      CharTermAttribute term = stream.addAttribute(CharTermAttribute.class);
      stream.reset();
      while (stream.incrementToken()) {
        terms.add(term.toString());
      }
      stream.end();
    }
    return terms;
  }

  static DirectoryReader index(List<String> documents) throws IOException {
    ByteBuffersDirectory directory = new ByteBuffersDirectory();
    try (IndexWriter writer = new IndexWriter(directory, new IndexWriterConfig(ANALYZER))) {
      for (String text : documents) {
        Document document = new Document();
        document.add(new TextField("text", text, Field.Store.NO));
        writer.addDocument(document);
      }
      writer.forceMerge(1);
    }
    return DirectoryReader.open(directory);
  }
}
